# The program that mapsweep runs on a host: it reads /proc, writes to standard output, and changes nothing.
#
# It is sent as one line, as the argument of /bin/sh -c (collector/probe.py removes the comments and joins the
# lines). Its text is the same for every host and every run, so that a sudoers rule can allow exactly this text.
# Every login shell must pass it on unchanged, and the joined lines must mean the same. Therefore each statement
# ends in a semicolon, and there is no exclamation mark (csh), no double backslash (fish), no double blank (sudoers).
#
# docs/dump-format.md describes its standard input and its output. Through sudo, whoever may run the probe chooses
# the input, so each value is checked before use, and none becomes a command.
# Exit status: 0 everything was sent, 64 refused, 66 no /proc, 69 neither awk nor grep, otherwise that of awk.

: mapsweep probe;
unset nonce options smaps digits hex root pack low attempt ended GZIP POSIXLY_CORRECT;
unset GAWK_PERSIST_FILE AWKPATH AWKLIBPATH AWK_HASH;
LC_ALL=C;
export LC_ALL;
refuse() {
    echo "mapsweep: $1" >&2;
    exit 64;
};
IFS= read -r nonce;
IFS= read -r options;
hex="[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]";
# shellcheck disable=SC2254
case $nonce in
    $hex$hex$hex$hex) ;;
    *) refuse "the first line of standard input is not a nonce";;
esac;
case $options in
    smaps_kb=*" root="*) ;;
    *) refuse "the second line of standard input is not smaps_kb=N root=PREFIX";;
esac;
smaps=${options#smaps_kb=};
smaps=${smaps%%" root="*};
root=${options#*" root="};
digits=$smaps;
while case $digits in [0-9]*) test "${#smaps}" -le 15;; *) false;; esac; do digits=${digits#?}; done;
if test -z "$smaps" || test -n "$digits"; then refuse "smaps_kb is not a number"; fi;
case $root in
    "" | /*) ;;
    *) refuse "root is not an absolute path";;
esac;
# shellcheck disable=SC1003
case $root in
    *'\'*) refuse "root has a backslash";;
esac;

# Through sudo this runs as root for another account. That account must not choose the tools, nor a tree whose
# links could lead anywhere.
if test -n "${SUDO_UID-}${DOAS_USER-}"; then
    PATH=/usr/sbin:/usr/bin:/sbin:/bin;
    if test -n "$root"; then refuse "root= is refused through sudo"; fi;
fi;

cd "$root/proc" || exit 66;
set -- [0-9]*;
# The probe must not become a load on a host in trouble.
# shellcheck disable=SC3045
ulimit -t 120 2>/dev/null;
low=;
if command -v nice >/dev/null 2>&1; then low="nice -n 10"; fi;
pack=;
if command -v gzip >/dev/null 2>&1; then pack="gzip -1"; fi;

# echo is a builtin, so the nonce goes through a pipe and not to a command line, and the number of pids is not
# limited. Some shells expand backslashes in echo; the values that were checked above have none.
list() {
    echo "$nonce";
    echo "$root";
    echo "$smaps";
    echo "$*";
};

# One awk reads everything, because one process per file would take ten times as long. mawk gives up (exit 2) when
# a process ends while it is read; then the reading starts over, and what was sent before is void.
collect() {
    # shellcheck disable=SC2086
    list "$@" | $low awk -v "pack=$pack" '
    # Reads a whole file: RS is a byte that does not occur in it, or is put back where it does.
    function slurp(file, chunk, text, got, parts) {
        text = "";
        parts = 0;
        while ((got = (getline chunk < file)) > 0) text = (parts++ ? text RS chunk : chunk);
        close(file);
        failed = (got < 0);
        return text;
    }
    function number(status, name, at) {
        at = index(status, "\n" name ":");
        return at ? substr(status, at + length(name) + 2, 24) + 0 : -1;
    }
    function emit(kind, pid, content) {
        if (pack == "") printf "%s %s %s\n%s\n", nonce, kind, pid, content;
        else printf "%s %s %s\n%s\n", nonce, kind, pid, content | pack;
    }
    function fact(kind, file, content) {
        content = slurp(file);
        if (failed == 0) emit(kind, 0, content);
    }
    # The identity part is sent after the memory part. Huge arguments of a process are cut, and so are those of the
    # probe, which are this text.
    function hold(kind, pid, content) {
        content = substr(content, 1, held_bytes < 67108864 ? 131072 : 1024);
        if (kind == "cmdline" && index(content, "mapsweep probe")) content = substr(content, 1, 40);
        held_bytes += length(content);
        held[++helds] = nonce " " kind " " pid "\n" content "\n";
    }
    # Heap sort of rank[] by key[], smallest first.
    function sift(top, end, child, moved) {
        moved = rank[top];
        while ((child = 2 * top) <= end) {
            if (child < end && key[rank[child]] < key[rank[child + 1]]) child++;
            if (key[rank[child]] <= key[moved]) break;
            rank[top] = rank[child];
            top = child;
        }
        rank[top] = moved;
    }
    # Chooses the processes whose smaps is read: largest RssAnon first, without those that do not fit the budget.
    function choose(budget, i, n, status, swap, resident) {
        n = 0;
        for (i = 1; i <= listed; i++) {
            status = slurp(root "/proc/" pids[i] "/status");
            resident[pids[i]] = number(status, "VmRSS");
            if (resident[pids[i]] < 0) continue;
            key[pids[i]] = number(status, "RssAnon");
            if (key[pids[i]] < 0) key[pids[i]] = resident[pids[i]];
            rank[++n] = pids[i];
        }
        for (i = int(n / 2); i >= 1; i--) sift(i, n);
        for (i = n; i >= 1; i--) {
            swap = rank[1];
            rank[1] = rank[i];
            if (resident[swap] <= budget) {
                budget -= resident[swap];
                walk[swap] = 1;
            }
            sift(1, i - 1);
        }
    }
    function process(pid, dir, status, stat, limits, kind, maps) {
        dir = root "/proc/" pid "/";
        status = slurp(dir "status");
        if (failed) {
            vanished++;
            return;
        }
        if (index(status, "\nVmSize:") == 0) {
            kernel++;
            return;
        }
        stat = slurp(dir "stat");
        limits = slurp(dir "limits");
        kind = "maps";
        if (pid in walk) {
            kind = "smaps";
            maps = slurp(dir kind);
            if (failed) kind = "maps";
        }
        if (kind == "maps") maps = slurp(dir kind);
        if (failed || maps == "") {
            # Denied if the process still exists and has memory; otherwise it was ending.
            if (index(slurp(dir "status"), "\nVmSize:") == 0) {
                vanished++;
                return;
            }
            kind = "denied";
            maps = "";
            denied++;
        }
        sent++;
        emit("status", pid, status);
        emit("stat", pid, stat);
        emit("limits", pid, limits);
        emit(kind, pid, maps);
        hold("comm", pid, slurp(dir "comm"));
        hold("cmdline", pid, slurp(dir "cmdline"));
        maps = slurp(dir "cgroup");
        hold("cgroup", pid, maps);
        groups[maps] = 1;
    }
    # memory.max and memory.current of a cgroup and all its parents; v2 (unified, hybrid), then v1.
    function limit_of(path, version, max, current) {
        while (path > "/") {
            if ((version, path) in seen) return;
            seen[version, path] = 1;
            if (version == 2) {
                max = slurp(root "/sys/fs/cgroup" path "/memory.max");
                current = slurp(root "/sys/fs/cgroup" path "/memory.current");
            } else {
                max = slurp(root "/sys/fs/cgroup/memory" path "/memory.limit_in_bytes");
                current = slurp(root "/sys/fs/cgroup/memory" path "/memory.usage_in_bytes");
            }
            if (failed == 0) {
                sub(/\n$/, "", max);
                sub(/\n$/, "", current);
                limits_text = limits_text path "\t" max "\t" current "\n";
            }
            sub(/\/[^\/]*$/, "", path);
        }
    }
    function cgroups(text, lines, n, i) {
        for (text in groups) {
            n = split(text, lines, "\n");
            for (i = 1; i <= n; i++) {
                if (substr(lines[i], 1, 3) == "0::") limit_of(substr(lines[i], 4), 2);
                else if (match(lines[i], /^[0-9]+:([a-z_,]+,)?memory(,[a-z_,]+)?:/))
                    limit_of(substr(lines[i], RLENGTH + 1), 1);
            }
        }
        emit("cgroup-memory", 0, limits_text);
    }
    function facts(lines, n, i, text, line) {
        fact("meminfo", root "/proc/meminfo");
        fact("thp", root "/sys/kernel/mm/transparent_hugepage/enabled");
        fact("overcommit", root "/proc/sys/vm/overcommit_memory");
        fact("max_map_count", root "/proc/sys/vm/max_map_count");
        fact("osrelease", root "/proc/sys/kernel/osrelease");
        fact("boot_id", root "/proc/sys/kernel/random/boot_id");
        fact("uptime", root "/proc/uptime");
        n = split(slurp(root "/proc/stat"), lines, "\n");
        text = "";
        for (i = 1; i <= n; i++) {
            if (match(lines[i], /^cpu[0-9]+/)) text = text substr(lines[i], 1, RLENGTH) "\n";
            else if (lines[i] ~ /^btime /) text = text lines[i] "\n";
        }
        emit("procstat", 0, text);
        text = slurp(root "/proc/sys/kernel/arch");
        if (failed) {
            "uname -m" | getline text;
            close("uname -m");
        }
        emit("arch", 0, text);
        text = slurp(root "/etc/os-release");
        if (failed) text = slurp(root "/usr/lib/os-release");
        emit("os-release", 0, text);
        cgroups();
        # The probe reads its own smaps, whatever root is, because the page size is that of the running kernel.
        RS = "\n";
        while ((getline line < "/proc/self/smaps") > 0) {
            if (line ~ /^KernelPageSize:/) {
                emit("page", 0, line);
                break;
            }
        }
        close("/proc/self/smaps");
        RS = "\001";
    }
    BEGIN {
        getline nonce;
        getline root;
        getline smaps;
        getline line;
        if ((nonce ~ /^[0-9a-f]+$/) == 0 || (smaps ~ /^[0-9]+$/) == 0) exit 64;
        listed = split(line, pids, " ");
        if (pids[1] == "[0-9]*") listed = 0;
        RS = "\001";
        sent = kernel = denied = vanished = helds = held_bytes = 0;
        # Some awks end a record at a NUL, so arguments arrive joined by RS; the own command line shows whether this
        # awk does so.
        cuts = (slurp("/proc/self/cmdline") ~ /^[^\001]*awk\001/);
        if (smaps + 0 > 0) choose(smaps + 0);
        for (i = 1; i <= listed; i++) process(pids[i]);
        facts();
        emit("end", 0, "listed=" listed " sent=" sent " kernel=" kernel " denied=" denied " vanished=" vanished);
        if (pack == "") fflush();
        else close(pack);
        if (cuts) {
            quote = sprintf("%c%c", 34, 92);
            pack = "tr " quote "001\" " quote "000\"" (pack == "" ? "" : " | " pack);
        }
        for (i = 1; i <= helds; i++) {
            if (pack == "") printf "%s", held[i];
            else printf "%s", held[i] | pack;
        }
        emit("end", 0, "sent=" sent);
        exit 0;
    }';
};

# Without awk, or after it gave up: one grep per kind of file. It puts the path before each line, so that no text
# can look like another file.
grepped() {
    echo "$nonce grep 0";
    grep -a "" "$@" /dev/null 2>/dev/null;
    echo;
};
fact() {
    echo "$nonce $1 0";
    grep -a "" "$root$2" 2>/dev/null;
    echo;
};
memory() {
    grepped "$root"/proc/[0-9]*/status;
    grepped "$root"/proc/[0-9]*/stat;
    grepped "$root"/proc/[0-9]*/limits;
    grepped "$root"/proc/[0-9]*/maps;
    fact meminfo /proc/meminfo;
    fact thp /sys/kernel/mm/transparent_hugepage/enabled;
    fact overcommit /proc/sys/vm/overcommit_memory;
    fact max_map_count /proc/sys/vm/max_map_count;
    fact osrelease /proc/sys/kernel/osrelease;
    fact boot_id /proc/sys/kernel/random/boot_id;
    fact uptime /proc/uptime;
    echo "$nonce procstat 0";
    grep -o "^cpu[0-9][0-9]*\|^btime.*" "$root/proc/stat" 2>/dev/null;
    echo;
    fact arch /proc/sys/kernel/arch;
    fact os-release /etc/os-release;
    echo "$nonce end 0";
    echo "listed=$#";
};
identity() {
    grepped "$root"/proc/[0-9]*/comm;
    grepped "$root"/proc/[0-9]*/cmdline;
    grepped "$root"/proc/[0-9]*/cgroup;
    echo "$nonce end 0";
    echo;
};

greps() {
    if test -n "$pack"; then
        # shellcheck disable=SC2086
        memory "$@" | $low $pack;
        # shellcheck disable=SC2086
        identity | $low $pack;
    else
        memory "$@";
        identity;
    fi;
};

echo "$nonce begin 1";
if command -v awk >/dev/null 2>&1; then
    for attempt in 2 3 4; do
        collect "$@";
        ended=$?;
        if test "$ended" -ne 2; then exit "$ended"; fi;
        echo "$nonce again $attempt";
    done;
fi;
if command -v grep >/dev/null 2>&1; then
    greps "$@";
    exit 0;
fi;
exit 69;
