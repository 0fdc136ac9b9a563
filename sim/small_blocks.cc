// Memory of monopod-sim, which spends a quarter of its time in malloc() and free() otherwise: small
// blocks that were freed are kept by size for the next of that size, and never given back. Blocks
// of the C library's are behind all that is large, or aligned to more than usual.
//
// Threads: blocks may be freed on another thread, whose they are then.
#include <array>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

namespace {

constexpr std::size_t kUnit = 16;    // what all blocks are aligned to
constexpr std::size_t kSizes = 128;  // multiples of it that are kept
constexpr std::size_t kChunk = 65'536;

// In front of what is handed out.
struct alignas(kUnit) Block {
  std::size_t units = 0;
  Block* next = nullptr;  // while free
};
static_assert(sizeof(Block) == kUnit);

struct Store {
  std::array<Block*, kSizes> free{};
  std::byte* fresh = nullptr;  // the rest of the last chunk
  std::size_t left = 0;
};
thread_local constinit Store store;

// NOLINTBEGIN(cppcoreguidelines-no-malloc): what new and delete are made of
void* FromLibrary(std::size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

Block* NewBlock(std::size_t units) {
  const std::size_t size = (units + 1) * kUnit;
  if (units >= kSizes) return new (FromLibrary(size)) Block{.units = units};
  if (store.left < size) {
    store.fresh = static_cast<std::byte*>(FromLibrary(kChunk));
    store.left = kChunk;
  }
  store.left -= size;
  return new (std::exchange(store.fresh, store.fresh + size)) Block{.units = units};
}

}  // namespace

void* operator new(std::size_t size) {
  if (size > std::numeric_limits<std::ptrdiff_t>::max()) throw std::bad_alloc();
  const std::size_t units = (size + kUnit - 1) / kUnit;
  Block* block = units < kSizes ? store.free.at(units) : nullptr;
  if (block != nullptr) {
    store.free.at(units) = block->next;
  } else {
    block = NewBlock(units);
  }
  return block + 1;
}

void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  Block* block = static_cast<Block*>(memory) - 1;
  if (block->units >= kSizes) {
    std::free(block);
    return;
  }
  block->next = store.free.at(block->units);
  store.free.at(block->units) = block;
}
// NOLINTEND(cppcoreguidelines-no-malloc)

void operator delete(void* memory, std::size_t /*size*/) noexcept { operator delete(memory); }
