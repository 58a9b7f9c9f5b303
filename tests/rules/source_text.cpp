// Cuts a source file into lines, tokens and includes. Line splices are followed in preprocessor
// lines only; raw strings, digit separators and character literals are understood.

#include "tests/rules/source_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace coax::rules {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

class cutter {
  public:
    cutter(source_text& target, std::string_view content) : target_(target), rest_(content) {}

    void run() {
        bool line_start = true;
        while (at_ < rest_.size()) {
            const char c = rest_[at_];
            if (c == '\n') {
                step();
                line_start = true;
            } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
                step();
            } else if (line_start && c == '#') {
                preprocessor_line();
            } else if (!comment()) {
                line_start = false;
                if (!literal()) word_or_punctuator();
            } else {
                continue;
            }
        }
    }

  private:
    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < rest_.size() ? rest_[at_ + ahead] : '\0';
    }

    void step(std::size_t count = 1) {
        for (; count > 0 && at_ < rest_.size(); --count, ++at_) {
            if (rest_[at_] == '\n') ++line_;
        }
    }

    void emit(std::string_view text) { target_.tokens.push_back({std::string(text), line_}); }

    bool comment() {
        if (peek() != '/' || (peek(1) != '/' && peek(1) != '*')) return false;
        if (peek(1) == '/') {
            while (at_ < rest_.size() && peek() != '\n') step();
            return true;
        }
        const std::size_t end = rest_.find("*/", at_ + 2);
        step(end == std::string_view::npos ? rest_.size() - at_ : end + 2 - at_);
        return true;
    }

    // "text", 'c', and R"mark(text)mark", without their prefix, which was taken as a word.
    bool literal() {
        const char quote = peek();
        if (quote != '"' && quote != '\'') return false;
        emit("");
        if (quote == '"' && raw_) {
            const std::size_t open = rest_.find('(', at_);
            const std::string close =
                ")" + std::string(rest_.substr(at_ + 1, open - at_ - 1)) + "\"";
            const std::size_t end = rest_.find(close, open);
            step(end == std::string_view::npos ? rest_.size() - at_ : end + close.size() - at_);
            return true;
        }
        step();
        while (at_ < rest_.size() && peek() != quote) step(peek() == '\\' ? 2 : 1);
        step();
        return true;
    }

    void word_or_punctuator() {
        if (!is_word(peek())) {
            raw_ = false;
            emit(rest_.substr(at_, 1));
            step();
            return;
        }
        const std::size_t begin = at_;
        const bool number = std::isdigit(static_cast<unsigned char>(peek())) != 0;
        while (is_word(peek()) || (number && peek() == '\'' && is_word(peek(1)))) step();
        const std::string_view text = rest_.substr(begin, at_ - begin);
        raw_ = peek() == '"' && text.back() == 'R' && text.size() <= 3;
        if (peek() == '"' && (raw_ || text == "u8" || text == "L" || text == "u")) return;
        emit(text);
    }

    void preprocessor_line() {
        const std::size_t begin = at_;
        const std::size_t line = line_;
        while (at_ < rest_.size() && peek() != '\n') {
            if (comment()) continue;
            step(peek() == '\\' ? 2 : 1);
        }
        include(rest_.substr(begin, at_ - begin), line);
    }

    void include(std::string_view text, std::size_t line) {
        text.remove_prefix(std::min(text.find_first_not_of("# \t"), text.size()));
        if (!text.starts_with("include")) return;
        const std::size_t open = text.find_first_of("<\"");
        if (open == std::string_view::npos) return;
        const std::size_t close = text.find(text[open] == '<' ? '>' : '"', open + 1);
        if (close == std::string_view::npos) return;
        target_.includes.push_back(
            {std::string(text.substr(open + 1, close - open - 1)), text[open] == '<', line});
    }

    source_text& target_;
    std::string_view rest_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    bool raw_ = false;  // the word just before was the prefix of a raw string
};

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(file), {}};
}

using path_list = std::vector<std::filesystem::path>;

void add_files(const std::filesystem::path& folder, const std::vector<std::string>& suffixes,
               path_list& found) {
    if (!std::filesystem::is_directory(folder)) return;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        const std::string name = entry.path().filename().string();
        const std::string suffix = entry.path().extension().string();
        const bool wanted = std::find(suffixes.begin(), suffixes.end(), suffix) != suffixes.end();
        if (wanted || (name == "CMakeLists.txt" && suffixes.size() > 4)) {
            found.push_back(entry.path());
        }
    }
}

std::vector<source_text> read_files(const std::string& root, path_list found) {
    if (found.empty()) throw std::runtime_error("no source file below " + root);
    std::sort(found.begin(), found.end());
    std::vector<source_text> texts;
    texts.reserve(found.size());
    for (const auto& path : found) {
        texts.push_back(
            read_text(std::filesystem::relative(path, root).generic_string(), read_file(path)));
    }
    return texts;
}

constexpr std::array areas{"stack", "backends", "framework", "services", "tests", "bench"};

}  // namespace

source_text read_text(std::string path, std::string_view content) {
    source_text text;
    text.path = std::move(path);
    std::size_t begin = 0;
    while (begin < content.size()) {
        const std::size_t end = std::min(content.find('\n', begin), content.size());
        text.lines.emplace_back(content.substr(begin, end - begin));
        begin = end + 1;
    }
    cutter(text, content).run();
    return text;
}

std::vector<source_text> read_tree(const std::string& root) {
    path_list found;
    for (const char* area : areas) {
        add_files(std::filesystem::path(root) / area, {".cpp", ".hpp", ".c", ".h"}, found);
    }
    return read_files(root, std::move(found));
}

std::vector<source_text> read_tree_with_scripts(const std::string& root) {
    const std::filesystem::path base(root);
    const std::vector<std::string> suffixes{".cpp", ".hpp", ".c", ".h", ".sh", ".cmake"};
    path_list found{base / "CMakeLists.txt", base / "dev", base / ".ci" / "run"};
    for (const char* area : areas) add_files(base / area, suffixes, found);
    add_files(base / "cmake", suffixes, found);
    return read_files(root, std::move(found));
}

std::string to_string(const finding& found) {
    return found.path + ":" + std::to_string(found.line) + ": " + found.what + " [" + found.rule +
           "]";
}

}  // namespace coax::rules
