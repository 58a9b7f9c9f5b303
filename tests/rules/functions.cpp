// Walks the tokens scope by scope. At namespace and class scope everything since the last ; { or }
// is a head, and the head decides what a brace opens.

#include "tests/rules/functions.hpp"

#include <algorithm>
#include <string_view>

namespace coax::rules {
namespace {

using token_list = std::vector<token>;

class walker {
  public:
    explicit walker(const token_list& tokens) : tokens_(tokens) {}

    outline run() {
        std::size_t depth = 0;
        while (at_ < tokens_.size()) {
            const std::string& text = tokens_[at_].text;
            if (text == "{") {
                brace(depth);
            } else if (text == "}") {
                if (depth == 0) return unbalanced();
                --depth;
                next_head(at_ + 1);
            } else if (text == ";" || is_access_label()) {
                next_head(at_ + 1);
            } else if (text == "(" || text == "[") {
                if (!skip(at_)) return unbalanced();
            } else {
                ++at_;
            }
        }
        found_.balanced = depth == 0 && !unpaired_;
        return found_;
    }

  private:
    outline unbalanced() {
        found_.balanced = false;
        return found_;
    }

    void next_head(std::size_t begin) { at_ = head_ = begin; }

    const std::string& text(std::size_t i) const {
        static const std::string nothing = ";";
        return i < tokens_.size() ? tokens_[i].text : nothing;
    }

    bool is_access_label() const {
        return text(at_) == ":" && at_ == head_ + 1 &&
               (text(head_) == "public" || text(head_) == "private" || text(head_) == "protected");
    }

    // Moves past the bracket at `i` and its partner. False: there is none.
    bool skip(std::size_t i) {
        std::size_t open = 0;
        for (; i < tokens_.size(); ++i) {
            const std::string& t = tokens_[i].text;
            if (t == "(" || t == "[" || t == "{") ++open;
            if ((t == ")" || t == "]" || t == "}") && --open == 0) {
                at_ = i + 1;
                return true;
            }
        }
        at_ = tokens_.size();
        unpaired_ = true;
        return false;
    }

    void brace(std::size_t& depth) {
        const std::size_t opener = at_;
        const std::size_t begin = after_template(head_);
        if (opens_namespace(begin) || opens_class(begin)) {
            found_.classes.push_back({scope_name(begin), line(begin), line(opener)});
            if (text(begin) == "enum") {
                skip(opener);
                return;
            }
            ++depth;
            next_head(opener + 1);
        } else if (is_initialiser(begin, opener)) {
            // The head goes on: `int x{1};`, or a member of a constructor's list.
            const bool lambda = holds_lambda(begin, opener);
            skip(opener);
            if (lambda) found_.functions.push_back({text(opener), line(begin), line(at_ - 1)});
        } else {
            const std::string name = function_name(begin, opener);
            skip(opener);
            found_.functions.push_back({name, line(begin), line(at_ - 1)});
            while (text(at_) == "catch") skip_handler();
            next_head(at_);
        }
    }

    void skip_handler() {
        skip(at_ + 1);
        skip(at_);
    }

    std::size_t line(std::size_t i) const { return tokens_[std::min(i, tokens_.size() - 1)].line; }

    // `template <...>` in front of a head, and attributes.
    std::size_t after_template(std::size_t i) const {
        while (text(i) == "template" || text(i) == "[") {
            const bool angle = text(i) == "template";
            const std::string_view open = angle ? "<" : "[";
            const std::string_view close = angle ? ">" : "]";
            std::size_t depth = 0;
            for (i += angle ? 1 : 0; i < tokens_.size(); ++i) {
                if (text(i) == open) ++depth;
                if (text(i) == close && --depth == 0) break;
            }
            ++i;
        }
        return i;
    }

    bool opens_namespace(std::size_t begin) const {
        return text(begin) == "namespace" || text(begin + 1) == "namespace" ||
               (text(begin) == "extern" && text(begin + 1).empty() && at_ == begin + 2);
    }

    bool opens_class(std::size_t begin) const {
        for (; text(begin) == "typedef" || text(begin) == "static"; ++begin) {
        }
        const std::string& word = text(begin);
        if (word != "class" && word != "struct" && word != "union" && word != "enum") return false;
        // `struct tm now() {` is a function: a parameter list that is not alignas's.
        for (std::size_t i = begin; i < at_; ++i) {
            if (text(i) == "(" && text(i - 1) != "alignas") return inherits_before(begin, i);
        }
        return true;
    }

    bool inherits_before(std::size_t begin, std::size_t end) const {
        for (std::size_t i = begin; i < end; ++i) {
            if (text(i) == ":" && text(i + 1) != ":" && text(i - 1) != ":") return true;
        }
        return false;
    }

    std::string scope_name(std::size_t begin) const {
        std::string name;
        for (std::size_t i = begin; i < at_; ++i) {
            const std::string& t = text(i);
            if (t == "final" || (t == ":" && text(i + 1) != ":" && text(i - 1) != ":")) break;
            if (!t.empty() && t != ":" && t != "<" && t != ">") name = t;
        }
        return name;
    }

    // Whether a brace after this head is a value rather than a body.
    bool is_initialiser(std::size_t begin, std::size_t opener) const {
        std::size_t depth = 0;
        std::size_t list_at = 0;  // the ':' of a constructor's initialiser list
        bool parameters = false;
        bool assigned = false;
        for (std::size_t i = begin; i < opener; ++i) {
            const std::string& t = text(i);
            if (t == "(" || t == "[" || t == "{") ++depth;
            if (t == ")" || t == "]" || t == "}") --depth;
            if (depth != 0) continue;
            if (t == ")") parameters = true;
            if (t == "=" && text(i - 1) != "operator" && text(i - 2) != "operator" &&
                text(i - 1) != "<" && text(i - 1) != ">" && text(i - 1) != "!") {
                assigned = true;
            }
            if (t == ":" && parameters && text(i + 1) != ":" && text(i - 1) != ":") list_at = i;
        }
        if (!parameters || assigned) return true;
        if (text(opener - 1) == ")" && requires_before_parameters(begin, opener)) return true;
        // In `: a_(x), b_{y} {` a brace after a name initialises, one after ) or } is the body.
        return list_at != 0 && text(opener - 1) != ")" && text(opener - 1) != "}";
    }

    // `requires(T t) {`: the brace of a requires-expression.
    bool requires_before_parameters(std::size_t begin, std::size_t opener) const {
        std::size_t depth = 0;
        for (std::size_t i = opener - 1; i > begin; --i) {
            if (text(i) == ")") ++depth;
            if (text(i) == "(" && --depth == 0) return text(i - 1) == "requires";
        }
        return false;
    }

    bool holds_lambda(std::size_t begin, std::size_t opener) const {
        for (std::size_t i = begin; i + 1 < opener; ++i) {
            if (text(i) == "=" && text(i + 1) == "[") return true;
        }
        return false;
    }

    static bool takes_expression(const std::string& word) {
        return word == "requires" || word == "decltype" || word == "alignas" || word == "noexcept";
    }

    std::string function_name(std::size_t begin, std::size_t opener) const {
        std::size_t depth = 0;
        for (std::size_t i = begin; i < opener; ++i) {
            if (text(i) == "operator") return "operator";
            if (text(i) == "(" && depth == 0 && i > begin && !takes_expression(text(i - 1))) {
                return text(i - 1);
            }
            if (text(i) == "(" || text(i) == "{") ++depth;
            if (text(i) == ")" || text(i) == "}") --depth;
        }
        return "";
    }

    const token_list& tokens_;
    std::size_t at_ = 0;
    std::size_t head_ = 0;
    bool unpaired_ = false;
    outline found_;
};

}  // namespace

outline outline_of(const source_text& text) { return walker(text.tokens).run(); }

}  // namespace coax::rules
