// The corpus of bad inputs, corpus.txt, which says how it is written.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace monopod::testing {

struct BadInput {
  int line = 0;      // in the corpus
  std::string text;  // as it stands there
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> arguments;
  int code = 0;
  std::string pattern;  // of the message; "*" stands for anything
};

struct Corpus {
  std::map<std::string, std::string> files;  // by name
  std::vector<BadInput> inputs;
  std::vector<std::string> mistakes;  // lines that make no sense
};

// `variables` are what $NAME in a command stands for.
Corpus ReadCorpus(const std::string& text, const std::map<std::string, std::string>& variables);

// Whether `text` contains what `pattern` says.
bool Matches(std::string_view pattern, std::string_view text);

}  // namespace monopod::testing
