// Races, and reads freed memory: a sanitizer that says nothing about this would say nothing about
// the other tests either.
#include <memory>
#include <thread>

int main() {
  auto owner = std::make_unique<int>(0);
  int* const number = owner.get();
  std::thread other([number] { *number = 1; });
  *number = 2;
  other.join();
  owner.reset();
  return *number;
}
