# SPDX-License-Identifier: MIT
# awk -v processors=N -f table.awk loads.txt MEDIANS: two tables in Markdown, of servers under load, and of idle
# connections; and what there is to say in words.
BEGIN { FS = "|" }

function trim(text) { gsub(/^ +| +$/, "", text); return text }

# With three digits that count, and commas.
function digits(v,    text, head) {
    if (v < 0.9995) return sprintf("%.3f", v)
    if (v < 9.995) return sprintf("%.2f", v)
    if (v < 99.95) return sprintf("%.1f", v)
    text = v < 9999.5 ? sprintf("%.0f", v) : sprintf("%.0f", int(v / 100 + 0.5) * 100)
    for (head = ""; length(text) > 3; text = substr(text, 1, length(text) - 3))
        head = "," substr(text, length(text) - 2) head
    return text head
}

function cells(values, l) {
    return digits(values[l "/rate"]) "/s | " digits(values[l "/p50"]) " µs | " digits(values[l "/p99"]) \
        " µs | " digits(values[l "/cpu"]) " µs | "
}

function last_cells(values, l) {
    return " | " (l "/calls" in values ? digits(values[l "/calls"]) : "") " | " \
        sprintf("%.0f%%", values[l "/busy"]) " |"
}

function print_load(l,    verdict) {
    verdict = sprintf("%s (≤ %.2f%s)", digits(ratio[l "/cpu"]), target[l], \
        (ratio[l "/cpu"] > target[l] ? ", missed" : ""))
    print "| " label[l] " | bide | " cells(ours, l) verdict last_cells(ours, l)
    print "| | " peer[l "/cpu"] " | " cells(theirs, l) last_cells(theirs, l)
    if (ours[l "/busy"] < 95) idle = 1
    if (ours[l "/held-up"] > held_up) held_up = ours[l "/held-up"]
    if (theirs[l "/held-up"] > held_up) held_up = theirs[l "/held-up"]
}

function print_idle(what, text) {
    if (what in ours)
        printf "| %s | %s B | %s B %s | ≤ 9,000 B%s |\n", text, digits(ours[what]), digits(theirs[what]), \
            peer[what], (ours[what] > 9000 ? " (missed)" : "")
}

NR == FNR {
    if ($0 !~ /^#/ && NF == 3) {
        load[++loads] = trim($1)
        label[trim($1)] = trim($2)
        target[trim($1)] = trim($3) + 0
    }
    next
}

{
    split($0, field, " ")
    ours[field[1]] = field[2] + 0
    peer[field[1]] = field[5]
    theirs[field[1]] = field[6] + 0
    ratio[field[1]] = field[7] + 0
}

END {
    print "| load | server | requests | p50 | p99 | CPU per request | against the other | system calls per " \
        "request | its processor in use |"
    print "|---|---|--:|--:|--:|--:|--:|--:|--:|"
    for (i = 1; i <= loads; i++) if (load[i] "/cpu" in ours) print_load(load[i])
    if (idle)
        print "\nWhere a server did not have all of its processor in use, the load was the limit, and its " \
            "requests per second\nsay more of the load, and of whom that had to wake, than of the server."
    if (held_up > 2)
        printf "\nOther programs were at work meanwhile, and held up a server for up to %.0f%% of the time.\n", \
            held_up
    if ("http/idle/memory-each" in ours || "redis/idle/memory-each" in ours) {
        print "\n| memory with page tables | bide | the other | target |\n|---|--:|--:|--:|"
        print_idle("http/idle/memory-each", "an idle keep-alive connection of 10,000, HTTP")
        print_idle("redis/idle/memory-each", "the same, Redis")
    }
    if ("http/workers/rate" in ours)
        printf "\nTwo workers against one: %s against %s requests per second, %s times as many, at %s times " \
            "the CPU per request;\n%s.\n", digits(ours["http/workers/rate"]), \
            digits(theirs["http/workers/rate"]), digits(ratio["http/workers/rate"]), \
            digits(ratio["http/workers/cpu"]), \
            (processors + 0 > 3 ? "they had two processors, and the load those that were left" : \
            "they shared two processors with the load, which left no room for more")
}
