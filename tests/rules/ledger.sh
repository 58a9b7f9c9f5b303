#!/bin/bash
# The ledger: what the RFCs ask (ledger.txt), where the code obeys it and which test proves it,
# from the tags in both. It reads the tree, not the build; it does not know whether a tag tells
# the truth.
#   ledger.sh [--check] [--markdown FILE] [RFC...]
# Prints a table (of the RFCs named, or all); status 1 if something asked has neither code and test
# nor an exception, if an exception is not needed any more, or if a tag names nothing in the list.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly list=tests/rules/ledger.txt

# citations: "C or T<tab>FILE:LINE<tab>RFC<tab>what", one per line; what is a requirement of
# RFC 9293, a section, or - for the RFC as a whole. Lists ("5.2, 5.3 and 5.4") are taken apart.
citations() {
    grep -rnHoE --include='*.?pp' '\b(MUST|SHLD|MAY|REC)-[0-9]+' stack framework tests |
        grep -v '^tests/rules/' | awk -F: '
            { print ($1 ~ /^tests\//) ? "T" : "C", $1 ":" $2, 9293, $3 }' OFS='\t' || true
    local number='\(?([0-9][0-9.]*|[A-Z]\b)\)?'
    grep -rnHoE --include='*.?pp' \
        "RFC [0-9]+(bis)?( (appendix )?$number((, | and | to )$number)*)?" stack framework tests |
        grep -v '^tests/rules/' | awk -F: '
            {
                side = ($1 ~ /^tests\//) ? "T" : "C"
                text = $3
                gsub(/[(),]/, " ", text)
                count = split(text, word, " ")
                print side, $1 ":" $2, word[2], "-"
                for (i = 3; i <= count; ++i) {
                    sub(/\.+$/, "", word[i])
                    if (word[i] ~ /^[0-9A-Z][0-9.]*$/) print side, $1 ":" $2, word[2], word[i]
                }
            }' OFS='\t' || true
}

# The table as lines "RFC<tab>what<tab>section<tab>text<tab>code<tab>tests<tab>verdict<tab>reason",
# where code and tests are the first place and how many more there are.
rows() {
    awk -F'\t' '
        function place(first, count) {
            return count == 0 ? "-" : count == 1 ? first : first " +" (count - 1)
        }
        function verdict(key) {
            proven = codes[key] > 0 && tests[key] > 0
            if (excepted[key] != "") return proven ? "IDLE EXCEPTION" : "exception"
            if (proven) return "proven"
            return pending[key] != "" ? "in work" : codes[key] ? "NO TEST" : tests[key] ? \
                "NO CODE" : "MISSING"
        }
        FILENAME == list {
            if ($0 ~ /^#/ || $0 == "") next
            if ($0 ~ /^  except /) { excepted[last] = substr($0, 10); next }
            if ($0 ~ /^  later /) { pending[last] = substr($0, 9); next }
            split($0, word, " ")
            last = word[1] SUBSEP word[2]
            order[++total] = last
            known[last] = 1
            section[last] = word[2] ~ /-[0-9]/ ? word[3] : ""
            start = length(word[1]) + length(word[2]) + 3
            if (section[last] != "") start += length(word[3]) + 1
            text[last] = substr($0, start)
            next
        }
        {
            # A citation of 3.10.7.4 also is one of 3.10.7, of 3.10 and of 3.
            what = $4
            if (what ~ /^(MUST|SHLD|MAY|REC)-/ && !(($3 SUBSEP what) in known))
                print $3, what, "", "", $2, "-", "UNKNOWN TAG", ""
            while (what != "") {
                key = $3 SUBSEP what
                if ($1 == "C") { if (!codes[key]++) first_code[key] = $2 }
                else if (!tests[key]++) first_test[key] = $2
                if (!sub(/\.[0-9A-Z]+$/, "", what)) break
            }
        }
        END {
            for (i = 1; i <= total; ++i) {
                key = order[i]
                split(key, part, SUBSEP)
                print part[1], part[2], section[key], text[key], \
                    place(first_code[key], codes[key]), place(first_test[key], tests[key]), \
                    verdict(key), excepted[key] != "" ? excepted[key] : pending[key]
            }
        }' OFS='\t' list="$list" "$list" <(citations | sort -u -t$'\t' -k1,4)
}

main() {
    local check='' markdown='' chosen=() table bad
    while (($# > 0)); do
        case "$1" in
        --check) check=yes ;;
        --markdown) markdown=${2:?which file} && shift ;;
        *) chosen+=("$1") ;;
        esac
        shift
    done
    table=$(rows | awk -F'\t' -v chosen=" ${chosen[*]-} " \
        'chosen == "  " || index(chosen, " " $1 " ") > 0')
    if [[ -n $markdown ]]; then
        mkdir -p "$(dirname "$markdown")"
        {
            echo '| RFC | what | section | asks | code | test | verdict |'
            echo '| --- | --- | --- | --- | --- | --- | --- |'
            awk -F'\t' '{ print "| " $1 " | " $2 " | " $3 " | " $4 " | " $5 " | " $6 " | " $7 \
                ($8 != "" ? ": " $8 : "") " |" }' <<<"$table"
        } >"$markdown"
        echo "written: $markdown"
    elif [[ -z $check ]]; then
        awk -F'\t' '{ printf "%-7s %-8s %-9s %-14s %s\n", $1, $2, $3, $7, $4
            printf "        code %s   test %s%s\n", $5, $6, $8 != "" ? "   (" $8 ")" : "" }' \
            <<<"$table"
    fi
    awk -F'\t' '{ ++count[$7] } END { for (v in count) printf "%d %s, ", count[v], v
        print NR " in all" }' <<<"$table"
    bad=$(awk -F'\t' '$7 ~ /^[A-Z][A-Z]/ { print "ledger: RFC " $1 " " $2 " " $4 ": " $7 \
        " (code " $5 ", test " $6 ")" }' <<<"$table")
    [[ -z $bad ]] && return 0
    echo "$bad" >&2
    return 1
}

main "$@"
