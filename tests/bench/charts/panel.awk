# SPDX-License-Identifier: MIT
# awk -v title= -v axis= -v id= -v log_scale=0|1 -f panel.awk MEDIANS FIGURES: one panel of bars, as commands
# for gnuplot. A line "what|label" of FIGURES stands for a group of bars under its label: bide, its
# baselines and its peers, from the least up. Nothing comes out if none of them was measured.
BEGIN { colour["bide"] = 14640679; colour["peer"] = 5214153; colour["baseline"] = 9080222 }

function text(v, u) {
    if (u == "ns" && v >= 10000) { v /= 1000; u = "us" }
    if (u == "us") u = "µs"
    return sprintf(v < 10 ? "%.2f %s" : v < 100 ? "%.1f %s" : "%.0f %s", v, u)
}

function add(name, v, kind,    i) {
    for (i = ++n; i > 1 && values[i - 1] > v + 0; i--) {
        names[i] = names[i - 1]; values[i] = values[i - 1]; kinds[i] = kinds[i - 1]
    }
    names[i] = name; values[i] = v + 0; kinds[i] = kind
}

# A line of the data: y value colour name text; a heading has no value.
function line(v, c, name, shown) { data = data sprintf("%s %s %s \"%s\" \"%s\"\n", --y, v, c, name, shown) }

NR == FNR {
    unit[$1] = $3
    bide[$1] = $2
    # To timers a switch is only a unit.
    if ($4 == "-" || $5 == "switch") next
    i = ++count[$1]
    kind_of[$1, i] = $4; name_of[$1, i] = $5; value_of[$1, i] = $6
    next
}

{
    split($0, part, "|")
    w = part[1]
    if (!(w in bide)) next
    if (part[2] != "") line(0, 0, "", part[2])
    n = 0
    add("bide", bide[w], "bide")
    for (i = 1; i <= count[w]; i++) add(name_of[w, i], value_of[w, i], kind_of[w, i])
    factor = log_scale && unit[w] == "us" ? 1000 : 1 # on one axis, in nanoseconds
    for (i = 1; i <= n; i++) {
        line(values[i] * factor, colour[kinds[i]], names[i], text(values[i], unit[w]))
        if (least == "" || values[i] * factor < least) least = values[i] * factor
        if (values[i] * factor > most) most = values[i] * factor
    }
    y -= 0.5
}

END {
    if (data == "") exit
    printf "$bars%d << END\n%sEND\n", id, data
    if (log_scale)
        print "set logscale x\nset xtics ('1 ns' 1, '10 ns' 10, '100 ns' 100, '1 µs' 1e3, '10 µs' 1e4, " \
            "'100 µs' 1e5, '1 ms' 1e6)"
    least = log_scale ? least / 2 : 0
    printf "set xrange [%g:%g]\nset yrange [%g:0]\n", least, most * (log_scale ? 8 : 1.35), y - 0.3
    printf "set title \"%s\" textcolor rgb ink font \",15\" offset 0,-0.5\n", title
    printf "set xlabel \"%s\" textcolor rgb ink\n", axis
    print "left = " least
    printf "plot $bars%d using (left):1:(left):($2 > 0 ? $2 : NaN):($1 - 0.4):($1 + 0.4):3 \\\n", id
    print "    with boxxyerror fillstyle solid 1 noborder linecolor rgb variable notitle, \\"
    print "    '' using ($2 > 0 ? $2 : NaN):1:5 with labels left offset 0.5,0 textcolor rgb ink notitle, \\"
    print "    '' using ($2 > 0 ? left : NaN):1:4 with labels right offset -0.5,0 \\"
    print "    textcolor rgb ink notitle, \\"
    print "    '' using ($2 > 0 ? NaN : left):1:5 with labels left font ',13' textcolor rgb ink notitle"
}
