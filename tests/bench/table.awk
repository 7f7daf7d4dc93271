# SPDX-License-Identifier: MIT
# awk -v all=0|1 -f table.awk rows.txt MEDIANS: the table in Markdown; with all=1 also what rows.txt does
# not name. See rows.txt for the targets, medians.awk for the rows.
BEGIN { FS = "|" }

function minimum(a, b) { return a < b ? a : b }

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

function with_unit(v, u) {
    if (u == "us") u = "µs"
    if (u == "maps") return sprintf("%.0f", v)
    if (u == "calls" || u == "times") return digits(v)
    return digits(v) (u == "1/s" ? "/s" : " " u)
}

function limit_text(v, u,    text) {
    text = with_unit(v, u)
    sub(/\.0+ /, " ", text)
    return text
}

# The row's baseline: the one that a target names, or the first.
function choose_baseline(w,    parts, n, i, name) {
    n = split(targets[w], parts, " ")
    for (i = 1; i <= n; i++) {
        name = parts[i]
        if (sub(/^[x>][0-9.]+@/, "", name) && ((w, name) in base)) return name
    }
    return first_base[w]
}

# Each target of the row, and whether it was met.
function judge(w,    parts, n, i, part, at, name, factor, ratio, text) {
    n = split(targets[w], parts, " ")
    for (i = 1; i <= n; i++) {
        part = parts[i]
        if (i > 1) text = text ", "
        if (part ~ /^[x>]/) {
            at = index(part, "@")
            name = substr(part, at + 1)
            factor = substr(part, 2, at - 2)
            ratio = ((w, name) in ratios) ? ratios[w, name] : ""
            text = text (part ~ /^x/ ? "≤ " : "≥ ") factor " × " name
            if (ratio == "") text = text " (not there)"
            else if (part ~ /^x/ ? ratio > factor + 0 : ratio < factor + 0) text = text " (missed)"
        } else {
            factor = part ~ /^~/ ? substr(part, 2) * scale : part
            text = text "≤ " limit_text(factor, unit[w]) (value[w] <= factor + 0 ? "" : " (missed)")
        }
    }
    return text
}

function print_row(w, label,    name, baseline, ratio, best) {
    name = choose_baseline(w)
    baseline = name == "" ? "" : with_unit(base[w, name], unit[w]) " " name
    ratio = name == "" ? "" : digits(ratios[w, name])
    best = best_peer[w] == "" ? "" : with_unit(peer[w, best_peer[w]], unit[w]) " " best_peer[w]
    printf "| %s | %s | %s | %s | %s | %s |\n", label, with_unit(value[w], unit[w]), baseline, ratio, best, \
        judge(w)
}

NR == FNR {
    if ($0 !~ /^#/ && NF == 3) {
        w = trim($1)
        order[++rows] = w
        label[w] = trim($2)
        targets[w] = trim($3)
    }
    next
}

{
    split($0, field, " ")
    w = field[1]
    if (!(w in value)) order_of_run[++whats] = w
    value[w] = field[2]
    unit[w] = field[3]
    name = field[5]
    if (field[4] == "baseline") {
        base[w, name] = field[6]
        ratios[w, name] = field[7]
        if (first_base[w] == "") first_base[w] = name
    } else if (field[4] == "peer") {
        peer[w, name] = field[6]
        ratios[w, name] = field[7]
        other = best_peer[w]
        if (other == "" || (unit[w] ~ /\/s$/ ? peer[w, other] < field[6] + 0 : peer[w, other] > field[6] + 0))
            best_peer[w] = name
    }
}

END {
    unit_ns = minimum(base["switch", "minimal,registers"], base["switch", "minimal,compared"])
    scale = unit_ns > 0 ? unit_ns / 2.9 : 1
    print "| what | bide | baseline | ratio | best peer | target |"
    print "|---|--:|--:|--:|--:|--:|"
    for (i = 1; i <= rows; i++) if (order[i] in value) print_row(order[i], label[order[i]])
    for (i = 1; all && i <= whats; i++)
        if (!(order_of_run[i] in label)) print_row(order_of_run[i], order_of_run[i])
}
