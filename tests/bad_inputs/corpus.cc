#include "tests/bad_inputs/corpus.h"

#include <charconv>
#include <optional>
#include <sstream>

namespace monopod::testing {
namespace {

using Variables = std::map<std::string, std::string>;

bool IsNamePart(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// Reads words as a shell does, as far as the corpus needs it.
class Words {
 public:
  Words(std::string_view text, const Variables& variables) : rest_(text), variables_(variables) {}

  std::vector<std::string> All() {
    std::vector<std::string> words;
    while (true) {
      while (rest_.starts_with(' ')) rest_.remove_prefix(1);
      if (rest_.empty()) return words;
      words.push_back(Word());
    }
  }

 private:
  char Take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  bool Take(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) return false;
    rest_.remove_prefix(prefix.size());
    return true;
  }

  std::string Word() {
    std::string word;
    while (!rest_.empty() && rest_.front() != ' ') {
      if (Take("$'")) {
        word += Escaped();
      } else if (Take("'")) {
        word += Until('\'');
      } else if (Take("\"")) {
        word += Until('"');
      } else if (Take("$")) {
        word += Variable();
      } else if (Take("{")) {
        word += Repeated();
      } else {
        word += Take();
      }
    }
    return word;
  }

  std::string Until(char end) {
    const std::size_t at = rest_.find(end);
    std::string part(rest_.substr(0, at));
    rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at + 1);
    return part;
  }

  // $'a\nb\xff'
  std::string Escaped() {
    std::string part;
    while (!rest_.empty() && !Take("'")) {
      if (Take("\\x")) {
        unsigned byte = 0;
        const std::string_view digits = rest_.substr(0, 2);
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
        rest_.remove_prefix(digits.size());
        part += static_cast<char>(byte);
      } else if (Take("\\n")) {
        part += '\n';
      } else if (Take("\\t")) {
        part += '\t';
      } else {
        part += Take();
      }
    }
    return part;
  }

  std::string Variable() {
    std::string name;
    while (!rest_.empty() && IsNamePart(rest_.front())) name += Take();
    const auto found = variables_.find(name);
    return found == variables_.end() ? "$" + name : found->second;
  }

  // {a*300}
  std::string Repeated() {
    const std::string inside = Until('}');
    const std::size_t star = inside.find('*');
    if (star == std::string::npos) return "{" + inside + "}";
    std::string part;
    for (int i = std::stoi(inside.substr(star + 1)); i > 0; --i) part += inside.substr(0, star);
    return part;
  }

  std::string_view rest_;
  const Variables& variables_;
};

// NAME=VALUE, where NAME is in capitals.
std::optional<std::pair<std::string, std::string>> AsAssignment(const std::string& word) {
  const std::size_t end = word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
  if (end == std::string::npos || end == 0 || word[end] != '=') return std::nullopt;
  return std::pair(word.substr(0, end), word.substr(end + 1));
}

BadInput ReadCommand(const std::string& line, const Variables& variables) {
  BadInput input{.text = line};
  for (std::string& word : Words(line, variables).All()) {
    const auto assignment = input.arguments.empty() ? AsAssignment(word) : std::nullopt;
    if (assignment) {
      input.environment.push_back(*assignment);
    } else {
      input.arguments.push_back(std::move(word));
    }
  }
  return input;
}

}  // namespace

Corpus ReadCorpus(const std::string& text, const Variables& variables) {
  Corpus corpus;
  std::istringstream lines(text);
  std::string file;
  std::optional<BadInput> command;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with("file ")) {
      file = line.substr(5);
      corpus.files[file];
    } else if (line.starts_with('|')) {
      corpus.files[file] += line.substr(line.starts_with("| ") ? 2 : 1) + "\n";
    } else if (line.starts_with("  ") && command) {
      const char* const end = line.data() + line.size();
      const auto parsed = std::from_chars(line.data() + 2, end, command->code);
      command->pattern.assign(parsed.ptr, end);
      while (command->pattern.starts_with(' ')) command->pattern.erase(0, 1);
      corpus.inputs.push_back(*std::move(command));
      command.reset();
    } else if (!line.starts_with(' ') && !command) {
      command = ReadCommand(line, variables);
      command->line = number;
    } else {
      corpus.mistakes.push_back("line " + std::to_string(number) + ": " + line);
    }
  }
  if (command) corpus.mistakes.push_back("no expectation for: " + command->text);
  return corpus;
}

bool Matches(std::string_view pattern, std::string_view text) {
  while (true) {
    const std::size_t star = pattern.find('*');
    const std::size_t found = text.find(pattern.substr(0, star));
    if (found == std::string_view::npos) return false;
    if (star == std::string_view::npos) return true;
    text.remove_prefix(found + star);
    pattern.remove_prefix(star + 1);
  }
}

}  // namespace monopod::testing
