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
unset nonce options smaps digits hex root pack low attempt ended careful room GZIP POSIXLY_CORRECT;
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
careful=0;
room=$((131072 + 8 * $#));
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
    echo "$$";
    echo "$*";
};

# One awk reads everything, because one process per file would take ten times as long. mawk gives up (exit 2) when
# a process ends while it is read; then the reading starts over, and what was sent before is void. It also starts over
# when awk has filled the memory that it may have: it has no bounded read, and a process can make its arguments as long
# as its address space. From then on head reads the arguments, in a process each.
collect() {
    # shellcheck disable=SC2086,SC3045
    list "$@" | {
    ulimit -v "$room" 2>/dev/null;
    exec $low awk -v "pack=$pack" -v "careful=$careful" '
    # Processes choose what many of these files contain, so the time for a file must grow with its length alone: joining
    # many records to one text takes the square of their number.
    # Reads a short file: RS is a byte that does not occur in it, or is put back where it does.
    function slurp(file, chunk, text, got, parts) {
        text = "";
        parts = 0;
        while ((got = (getline chunk < file)) > 0) text = (parts++ ? text RS chunk : chunk);
        close(file);
        failed = (got < 0);
        return text;
    }
    # Reads a text of lines of any length into piece[1..pieces]. As one record it takes least time; once that has ended
    # early, what follows is read by lines, because a byte of a name cannot end one.
    function slurp_lines(file, ends, line, got, text, parts) {
        RS = ends;
        text = "";
        parts = pieces = 0;
        while ((got = (getline line < file)) > 0) {
            text = (parts++ ? text ends line : line);
            if (parts > 1) ends = "\n";
            RS = "\n";
            if (length(text) > 1024) {
                piece[++pieces] = text;
                text = "";
            }
        }
        close(file);
        failed = (got < 0);
        if (parts && (parts > 1 || ends == "\n")) text = text "\n";
        if (length(text)) piece[++pieces] = text;
        RS = "\001";
    }
    # Reads at most so many bytes of the arguments: by head if awk could have to read far more than that to stop. The
    # path is relative, and has no character of the shell.
    function arguments(at, most, by_head, source, chunk, text, part, got, parts) {
        source = at "/cmdline";
        if (by_head) {
            source = "head -c " most " " source " 2>/dev/null | tr " quote "000\" " quote "001\"";
            cuts = 1;
        }
        text = part = "";
        parts = 0;
        while (most > 0) {
            got = (by_head ? (source | getline chunk) : (getline chunk < source));
            if (got <= 0) break;
            if (parts++) chunk = RS chunk;
            # It may be the first of many.
            if (length(chunk) > 1048576) careful = 1;
            if (length(chunk) > most) chunk = substr(chunk, 1, most);
            most -= length(chunk);
            part = part chunk;
            if (length(part) > 1024) {
                text = text part;
                part = "";
            }
        }
        close(source);
        return text part;
    }
    # Whether a process has, by its stat, more than 1 MiB of arguments; stat shows that only to whoever may read the
    # mappings. Without it mawk must not begin, which takes minutes to fill its memory.
    function long_arguments(stat, field) {
        sub(/^.*[)] /, "", stat);
        split(stat, field, " ");
        return field[47] + 0 > 0 ? field[47] - field[46] > 1048576 : is_mawk;
    }
    function number(status, name, at) {
        at = index(status, "\n" name ":");
        return at ? substr(status, at + length(name) + 2, 24) + 0 : -1;
    }
    function emit(kind, pid, content) {
        if (pack == "") printf "%s %s %s\n%s\n", nonce, kind, pid, content;
        else printf "%s %s %s\n%s\n", nonce, kind, pid, content | pack;
    }
    function put(text) {
        if (pack == "") printf "%s", text;
        else printf "%s", text | pack;
    }
    function emit_pieces(kind, pid, i) {
        put(nonce " " kind " " pid "\n");
        for (i = 1; i <= pieces; i++) put(piece[i]);
        put("\n");
    }
    function fact(kind, file, content) {
        content = slurp(file);
        if (failed == 0) emit(kind, 0, content);
    }
    # The identity part is sent after the memory part.
    function hold(kind, pid, content) {
        held_bytes += length(content);
        held[++helds] = nonce " " kind " " pid "\n" content "\n";
    }
    # Huge arguments are cut. So is this text where it ends the arguments: those of the probe, and of sudo and the
    # login shell, which has it in quotes. Nothing else is, so that no process can hide its own behind the name.
    function hold_arguments(pid, stat, content, i, start) {
        content = arguments(at, held_bytes < 67108864 ? 131072 : 1024, careful || long_arguments(stat));
        for (i = 1; i <= owns && length(content) >= length(own[i]); i++) {
            start = index(content, own[i]);
            if (start && start + length(own[i]) + 1 >= length(content)) {
                content = substr(content, 1, start + 28);
                break;
            }
        }
        hold("cmdline", pid, content);
    }
    # This text, as the own shell has it, and as a login shell is given it.
    function learn(shell, start) {
        own[1] = arguments("/proc/" shell, 131072, careful);
        start = index(own[1], ": mapsweep probe;");
        if (start == 0) return;
        own[1] = substr(own[1], start);
        sub(/[^;]$/, "", own[1]);
        own[2] = own[1];
        gsub(sprintf("%c", 39), sprintf("%c%c%c%c%c", 39, 34, 39, 34, 39), own[2]);
        own[2] = own[2] sprintf("%c", 39);
        owns = 2;
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
    # The status of the first thread that lives of a process whose main thread has ended. The memory is seen through
    # that one alone, and at becomes its path.
    function living(pid, names, name, status, tries) {
        names = "ls " pid "/task 2>/dev/null";
        status = "";
        RS = "\n";
        while (tries++ < 16 && (names | getline name) > 0) {
            if (name == pid || name ~ /[^0-9]/) continue;
            RS = "\001";
            status = slurp(root "/proc/" pid "/task/" name "/status");
            if (index(status, "\nVmSize:")) {
                at = pid "/task/" name;
                break;
            }
            RS = "\n";
        }
        RS = "\001";
        close(names);
        return status;
    }
    function process(pid, dir, status, stat, limits, kind, cgroup) {
        at = pid;
        status = slurp(root "/proc/" pid "/status");
        if (failed || pid ~ /[^0-9]/) {
            vanished++;
            return;
        }
        if (index(status, "\nVmSize:") == 0 && number(status, "Threads") > 1) status = living(pid);
        if (index(status, "\nVmSize:") == 0) {
            kernel++;
            return;
        }
        dir = root "/proc/" at "/";
        stat = slurp(dir "stat");
        limits = slurp(dir "limits");
        kind = "maps";
        if (pid in walk) {
            slurp_lines(dir "smaps", "\n");
            if (failed == 0) kind = "smaps";
        }
        if (kind == "maps") slurp_lines(dir kind, is_mawk ? "\n" : RS);
        if (failed || pieces == 0) {
            # Denied if the process still exists and has memory; otherwise it was ending.
            if (index(slurp(dir "status"), "\nVmSize:") == 0) {
                vanished++;
                return;
            }
            kind = "denied";
            denied++;
        }
        sent++;
        emit("status", pid, status);
        emit("stat", pid, stat);
        emit("limits", pid, limits);
        if (kind == "denied") emit(kind, pid, "");
        else emit_pieces(kind, pid);
        hold("comm", pid, slurp(dir "comm"));
        hold_arguments(pid, stat);
        cgroup = slurp(dir "cgroup");
        hold("cgroup", pid, cgroup);
        groups[cgroup] = 1;
    }
    # memory.max and memory.current of a cgroup and all its parents; v2 (unified, hybrid), then v1.
    # Of a cgroup that lies deep, only the upper 64: whoever may create cgroups can make the paths that are to be asked
    # thousands.
    function limit_of(path, version, max, current, parts, n, i) {
        n = split(path, parts, "/");
        if (n > 65) {
            path = "";
            for (i = 2; i <= 65; i++) path = path "/" parts[i];
        }
        while (path > "/" && limits_bytes < 16777216) {
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
                current = path "\t" max "\t" current "\n";
                limits_bytes += length(current);
                put(current);
            }
            sub(/\/[^\/]*$/, "", path);
        }
    }
    function cgroups(text, lines, n, i) {
        put(nonce " cgroup-memory 0\n");
        for (text in groups) {
            n = split(text, lines, "\n");
            for (i = 1; i <= n; i++) {
                if (substr(lines[i], 1, 3) == "0::") limit_of(substr(lines[i], 4), 2);
                else if (match(lines[i], /^[0-9]+:([a-z_,]+,)?memory(,[a-z_,]+)?:/))
                    limit_of(substr(lines[i], RLENGTH + 1), 1);
            }
        }
        put("\n");
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
        getline shell;
        getline line;
        if ((nonce ~ /^[0-9a-f]+$/) == 0 || (smaps ~ /^[0-9]+$/) == 0) exit 64;
        listed = split(line, pids, " ");
        if (pids[1] == "[0-9]*") listed = 0;
        RS = "\001";
        sent = kernel = denied = vanished = helds = held_bytes = limits_bytes = owns = 0;
        quote = sprintf("%c%c", 34, 92);
        # Some awks end a record at a NUL, so arguments arrive joined by RS; the own command line shows whether this
        # awk does so.
        cuts = (slurp("/proc/self/cmdline") ~ /^[^\001]*awk\001/);
        # It takes the square of the length of a record, and for lines little more time than for that.
        is_mawk = index(slurp("/proc/self/maps"), "/mawk");
        learn(shell + 0);
        if (smaps + 0 > 0) choose(smaps + 0);
        for (i = 1; i <= listed; i++) process(pids[i]);
        facts();
        emit("end", 0, "listed=" listed " sent=" sent " kernel=" kernel " denied=" denied " vanished=" vanished);
        if (pack == "") fflush();
        else close(pack);
        if (cuts) {
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
    grepped "$root"/proc/[0-9]*/cgroup;
    # grep would read arguments to their end, however long the process has made them
    for pid in "$@"; do
        echo "$nonce cmdline $pid";
        head -c 131072 "$pid/cmdline" 2>/dev/null;
        echo;
    done;
    echo "$nonce end 0";
    echo;
};

greps() {
    if test -n "$pack"; then
        # shellcheck disable=SC2086
        memory "$@" | $low $pack;
        # shellcheck disable=SC2086
        identity "$@" | $low $pack;
    else
        memory "$@";
        identity "$@";
    fi;
};

echo "$nonce begin 1";
if command -v awk >/dev/null 2>&1; then
    exec 4>&1;
    for attempt in 2 3 4; do
        # Where awk gave up without waiting for its gzip, that still writes: it has 3 open, so this waits for it.
        ended=$(collect "$@" 3>&1 >&4; echo "$?");
        # gawk, mawk and the original awk, and busybox, where they may have no more memory
        case $ended in 1 | 2) ;; *) exit "${ended:-1}";; esac;
        echo "$nonce again $attempt" || exit 1;
        careful=1;
        room=1048576;
    done;
fi;
if command -v grep >/dev/null 2>&1; then
    greps "$@";
    exit 0;
fi;
exit 69;
