# SPDX-License-Identifier: MIT
# From lines "who what value unit [baseline value ratio]", where who is bide or a peer, rows of medians
#
#     what value unit kind name value ratio
#
# one for each baseline of a figure and then for each peer that has the same; kind is baseline, peer or
# "-" for a figure that has neither.
function keep(key, value) { values[key, ++count[key]] = value }

function median(key,    n, i, j, v, sorted) {
    n = count[key]
    for (i = 1; i <= n; i++) {
        v = values[key, i] + 0
        for (j = i - 1; j >= 1 && sorted[j] > v; j--) sorted[j + 1] = sorted[j]
        sorted[j + 1] = v
    }
    return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

/^#/ { next }

$1 != "bide" {
    if (!(("peer", $1, $2) in count)) peer_of[$2, ++peers[$2]] = $1
    keep("peer" SUBSEP $1 SUBSEP $2, $3)
    next
}

{
    if (!($2 in unit)) { unit[$2] = $4; what[++whats] = $2 }
    keep("value" SUBSEP $2, $3)
    if (NF <= 4) next
    if (!(("base", $2, $5) in count)) base_of[$2, ++bases[$2]] = $5
    keep("base" SUBSEP $2 SUBSEP $5, $6)
    keep("ratio" SUBSEP $2 SUBSEP $5, $7)
}

END {
    for (i = 1; i <= whats; i++) {
        w = what[i]
        value = median("value" SUBSEP w)
        for (j = 1; j <= bases[w]; j++) {
            b = base_of[w, j]
            key = w SUBSEP b
            print w, value, unit[w], "baseline", b, median("base" SUBSEP key), median("ratio" SUBSEP key)
        }
        for (j = 1; j <= peers[w]; j++) {
            p = peer_of[w, j]
            other = median("peer" SUBSEP p SUBSEP w)
            print w, value, unit[w], "peer", p, other, (other > 0 ? value / other : "-")
        }
        if (!bases[w] && !peers[w]) print w, value, unit[w], "-", "-", "-", "-"
    }
}
