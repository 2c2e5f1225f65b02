// What changed since the run compared with, and the findings of services with what became of them.

const CHANGE_SAID = { appeared: "new", went: "gone", failed: "newly fails" }; // as reports.sentence.change_words.word
const changeSaid = (row) => {
  const said = (name) => page.changes.text(name, row);
  if (said("change") === "restarted" && said("subject") === "host") return "rebooted";
  return CHANGE_SAID[said("change")] ?? printable(said("change"));
};
const WENT_SAID = { host: "no longer in the inventory", service: "no longer runs", process: "ended" }; // as reports.sentence.change_words
const CHANGE_TONE = { grew: "warn", failed: "bad", shrank: "good", recovered: "good" };
const STANDING_TONE = { new: "warn", worse: "bad", resolved: "good" };
const SEVERITY_TONE = { alarm: "bad", warning: "warn" };

const isOfProcess = (row, host, pid) => page.changes.text("host", row) === host && String(page.changes.number("pid", row)) === String(pid);

// The name of a host or a service, and its address if this run has it.
const hostOrName = (name) => (findText(page.hosts, "name", name) < 0 ? foreign(name, nameWidth()) : link(hostLink(name), foreign(name, nameWidth())));
const serviceOrName = (name) => (!isOfHost() && findText(page.services, "service", name) < 0 ? foreign(name, nameWidth()) : link(serviceAddress(name), foreign(name, nameWidth())));

// With what a narrow screen has no other column for: why a host fails, and the host of a process.
const whereChanged = (row, isOfFleet) => {
  const { changes } = page;
  const said = (name) => changes.text(name, row);
  if (said("subject") === "host") return said("reason") ? named(hostOrName(said("host")), " ", make("code", { class: "soft" }, shortened(said("reason"), 40))) : named(hostOrName(said("host")));
  if (said("subject") === "service") return named(serviceOrName(said("service")));
  const pid = String(changes.number("pid", row));
  const shown = [foreign(said("comm") || "?", 40), ` (${pid})`];
  const process = said("change") === "went" ? make("span", {}, shown) : link(hostLink(said("host"), pid), shown);
  return isOfFleet ? named(process, " ", make("span", { class: "soft" }, "on ", foreign(said("host"), nameWidth()))) : process;
};

// `10 to 500`: members then and now, of a service that changed by the number of its processes; of others how many.
const countStep = (row) => {
  const { changes } = page;
  const [before, now] = [changes.number("count_before", row), changes.number("count", row)];
  return known(before) ? `${number(before)} to ${number(now)}` : number(now);
};

const kindStep = (row) => {
  const { changes } = page;
  if (known(changes.number("count_before", row))) return `${countStep(row)} processes`;
  const kind = changes.text("kind", row);
  if (!kind) return DASH;
  const [before, now] = [changes.number("kind_before_bytes", row), changes.number("kind_now_bytes", row)];
  const what = kindFacts(kind) ? [swatch(kind), link(kindAddress(kind), kind)] : [printable(kind.replaceAll("_", " "))];
  const isBound = changes.text("kind_exact", row) === "no";
  const whose = changes.text("subject", row) === "service" ? " in one process" : "";
  return named(what, known(before) || known(now) ? make("span", {}, `${size(before, isBound)} to ${size(now, isBound)}${whose}`) : "");
};

const peersShown = (row) => {
  const { changes } = page;
  const peers = changes.number("peers", row);
  if (!known(peers)) return DASH;
  if (!peers) return "none";
  const too = changes.number("peers_changed", row);
  return too ? `${number(too)} of ${number(peers)} too` : `none of ${number(peers)}`;
};

// `of` is "fleet", "host", "service" or "process": what need not be said in each row.
const changeColumns = (of) => {
  const { changes } = page;
  const place = between(0, changes.rows);
  const peers = () => changes.numbers("peers_changed").map((count, row) => count / changes.number("peers", row));
  const why = (row) => {
    if (changes.text("change", row) === "went") return WENT_SAID[changes.text("subject", row)] ?? DASH;
    const said = [changes.text("stage", row), changes.text("reason", row)].filter(Boolean).join(", ");
    return said ? make("code", {}, printable(said)) : DASH;
  };
  return [
    { ...textual(changes, "subject", { width: 240 }), longest: Math.max(longestOf(changes, "host") + 16, longestOf(changes, "service")), title: "Where", meaning: "The host, service or process", head: true, class: "name", show: (row) => whereChanged(row, of === "fleet" || of === "service") },
    { ...textual(changes, "change", { width: 104 }), class: "t", show: (row) => tag(changeSaid(row), CHANGE_TONE[changes.text("change", row)]) },
    numeric(changes, "change_bytes", { width: 92, class: "key" }),
    numeric(changes, "before_bytes", { width: 84 }),
    numeric(changes, "now_bytes", { width: 84 }),
    { ...textual(changes, "kind", { width: 400 }), title: "Kind that changed most", meaning: "What changed most by the labels, or the number of processes of a service that changed by it; of a service in the process that changed most, so it is not the whole of the change", show: kindStep },
    ...(of === "fleet" || of === "service" ? [textual(changes, "host", { width: 190, show: (row) => (changes.text("host", row) ? hostOrName(changes.text("host", row)) : DASH) })] : []),
    ...(of === "fleet" || of === "host" ? [textual(changes, "service", { width: 190, show: (row) => (changes.text("service", row) ? serviceOrName(changes.text("service", row)) : DASH) })] : []),
    numeric(changes, "per_day_bytes", { width: 84 }),
    numeric(changes, "trend_per_day_bytes", { width: 84 }),
    { name: "peers", title: "Peers", meaning: "Other processes of the service in both runs, and how many of them changed as much", width: 100, keys: peers, show: peersShown },
    numeric(changes, "count", { width: 92, show: countStep }),
    textual(changes, "owner", { width: 110 }),
    { ...textual(changes, "reason", { width: 220 }), title: "Why", show: why },
    { name: "place", title: "#", meaning: "What the headline names first, then by importance", width: 46, ascending: true, keys: () => place, show: (row) => number(row + 1) },
  ];
};

const changeGrid = (rows, of, more = {}) =>
  new Grid({
    id: "changes-table",
    label: ["change", "changes"],
    caption: "What changed",
    columns: changeColumns(of),
    rows,
    sort: "place",
    prefix: of === "fleet" ? "" : "changes.",
    source: "changes",
    table: "changes",
    ...more,
  });

const changesOf = (isWanted, of) => {
  const rows = between(0, page.changes.rows).filter(isWanted);
  return rows.length ? section("What changed", changeGrid(rows, of)) : [];
};

const aboutChanges = () => {
  const { run } = page.facts;
  return make("p", { class: "small soft" }, `Against the run of ${when(run.compared_at)}. What the headline names comes first. Sizes are resident anonymous memory and swap. ${page.facts.not_told}`);
};

// The sorts by which findings are counted, as reports.sentence.finding_words.sort_of has them, and in its words.
const SORTS = { new: "new", worse: "worse", same: "the same", resolved: "resolved", unseen: "cannot be told in this run", first: "first looked for in this run", remark: "only worth knowing", muted: "muted" };
const isMuted = (row) => page.groups.text("mute_reason", row) !== "";
const sortOf = (row) => {
  const said = (name) => page.groups.text(name, row);
  if (isMuted(row)) return "muted";
  if (said("severity") === "info") return "remark";
  return said("standing") === "same" && page.facts.first_looked.includes(said("rests_on")) ? "first" : said("standing");
};
const stands = (row) => !isMuted(row) && page.groups.text("standing", row) !== "resolved";
// In a first run nothing is known to be new.
const hasStanding = () => Boolean(page.facts.findings_compared_with);
const standingTag = (row) => (hasStanding() ? tag(page.groups.text("standing", row), STANDING_TONE[page.groups.text("standing", row)]) : null);

const groupColumns = () => {
  const { groups } = page;
  const place = between(0, groups.rows);
  const toned = (name, tones) => ({ ...textual(groups, name, { width: 84 }), class: "t", show: (row) => tag(printable(groups.text(name, row)), tones[groups.text(name, row)]) });
  const time = (name) => textual(groups, name, { width: 134, class: "t", show: (row) => (groups.text(name, row) ? day(groups.text(name, row)) : DASH) });
  return [
    textual(groups, "title", { width: 520, head: true, show: (row) => named(link(address("finding", groups.text("fingerprint", row)), foreign(groups.text("title", row)))) }),
    toned("severity", SEVERITY_TONE),
    ...(hasStanding() ? [toned("standing", STANDING_TONE)] : []),
    numeric(groups, "bytes", { width: 88, class: "key" }),
    numeric(groups, "before_bytes", { width: 84 }),
    textual(groups, "service", { width: 190, show: (row) => (groups.text("service", row) ? serviceOrName(groups.text("service", row)) : DASH) }),
    textual(groups, "kind", { width: 130 }),
    numeric(groups, "members", { width: 84 }),
    numeric(groups, "hosts", { width: 66 }),
    time("since_at"),
    textual(groups, "owner", { width: 110 }),
    textual(groups, "code", { width: 130 }),
    textual(groups, "mute_reason", { width: 220 }),
    textual(groups, "muted_until", { width: 100 }),
    { name: "place", title: "#", meaning: "Place among all findings: new first, then worse, the gravest first", width: 46, ascending: true, keys: () => place, show: (row) => number(row + 1) },
  ];
};

// All findings; those that are resolved or muted are counted, and shown when they are asked for.
const standingParts = () => {
  const { groups } = page;
  const all = between(0, groups.rows);
  const counts = new Map();
  for (const row of all) counts.set(sortOf(row), (counts.get(sortOf(row)) ?? 0) + 1);
  const chosen = counts.has(route.get("standing")) ? route.get("standing") : "";
  const of = (standing) => all.filter((row) => (standing ? sortOf(row) === standing : stands(row)));
  const grid = new Grid({ id: "findings-table", label: ["finding", "findings"], caption: "Findings of services", columns: groupColumns(), rows: of(chosen), sort: "place", source: "groups", table: "groups", tall: true });
  const chips = make("div", { class: "chips", role: "group", "aria-label": "Show only findings that are" });
  const choose = (standing) => {
    route.set("standing", standing);
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.value === standing));
    grid.show(of(standing));
  };
  const names = Object.keys(SORTS).filter((each) => counts.has(each) && (hasStanding() || each === "remark" || each === "muted"));
  chips.append(
    ...["", ...names].map((each) => button(each ? `${SORTS[each]} ${number(counts.get(each))}` : `all that stand ${number(of("").length)}`, () => choose(each === route.get("standing") ? "" : each), { value: each, "aria-pressed": String(each === chosen) })),
  );
  return [hasStanding() ? null : make("p", { class: "small soft" }, "There is no run to compare with: none of them is known to be new."), chips, grid];
};

const groupView = (fingerprint) => {
  const { groups } = page;
  const row = findText(groups, "fingerprint", fingerprint);
  if (row < 0) return null;
  const said = (name) => printable(groups.text(name, row));
  const [from, to] = [page.memberStarts[row], page.memberStarts[row + 1]];
  const members = groups.number("members", row);
  const title = said("title");
  const time = (name) => (groups.text(name, row) ? when(groups.text(name, row)) : "");
  return {
    title,
    parts: [
      crumbs(link("#/findings", "Findings")),
      titled(title, 400, tag(said("severity"), SEVERITY_TONE[said("severity")]), standingTag(row), isMuted(row) ? tag("muted") : null),
      make(
        "dl",
        { class: "headline" },
        figure("Concerns", size(groups.number("bytes", row)), known(groups.number("before_bytes", row)) ? `${size(groups.number("before_bytes", row))} in the run compared with` : "", true),
        figure("Members", number(members), `${members === 1 ? "process" : "processes"} on ${counted(groups.number("hosts", row), "host", "hosts")}`),
      ),
      make("p", { class: "strip part" }, make("b", {}, "What to do: "), unbroken(said("advice"))),
      described([
        ["To confirm", said("confirm")],
        ["Not shown here", said("not_shown")],
        ["Service", groups.text("service", row) && serviceOrName(groups.text("service", row))],
        ["Kind", kindFacts(groups.text("kind", row)) && link(kindAddress(groups.text("kind", row)), groups.text("kind", row))],
        ["Owner", groups.text("owner", row) && foreign(groups.text("owner", row))],
        ["Since", time("since_at")],
        ["Resolved", time("resolved_at")],
        ["Muted", isMuted(row) ? `${said("mute_reason")} (until ${said("muted_until")})` : ""],
        ["Rests on", said("rests_on")],
        ["Fingerprint", make("code", {}, said("fingerprint"))],
      ]),
      ...(to > from ? section("Members", memberGrid(between(from, to)), to - from < members ? make("p", { class: "small soft" }, `These are the first ${number(to - from)} of ${number(members)}.`) : null) : []),
    ],
  };
};

const memberGrid = (rows) => {
  const { members } = page;
  const title = (name, said, meaning, more) => ({ ...textual(members, name, more), title: said, meaning });
  return new Grid({
    id: "members-table",
    label: ["process", "processes"],
    caption: "Processes that have the finding, the largest first",
    columns: [
      title("comm", "Process", "Name and pid", { width: 210, head: true, show: (row) => link(hostLink(members.text("host", row), String(members.number("pid", row))), foreign(members.text("comm", row) || "?", 40), ` (${members.number("pid", row)})`) }),
      title("host", "Host", "The name in the inventory", { width: 220, show: (row) => hostOrName(members.text("host", row)) }),
      { ...numeric(members, "bytes", { class: "key", show: (row) => size(members.number("bytes", row)) }), title: "Concerns", meaning: "Memory that the finding concerns" },
      title("evidence", "Found by", "The figures by which it was found", { width: 560, show: (row) => foreign(members.text("evidence", row), 200) }),
    ],
    rows,
    sort: "-bytes",
    prefix: "members.",
    table: "members",
  });
};

// The findings of services that name a host or a process among their first members, or concern a service.
const groupsOf = (host, pid = null, service = null) => {
  const { groups, members } = page;
  const isMember = (at) => members.text("host", at) === host && (pid === null || String(members.number("pid", at)) === String(pid));
  const rows = between(0, groups.rows).filter((row) => {
    if (!stands(row)) return false;
    if (service !== null) return groups.text("service", row) === service;
    return between(page.memberStarts[row], page.memberStarts[row + 1]).some(isMember);
  });
  if (!rows.length) return [];
  const line = (row) => make("li", {}, tag(printable(groups.text("severity", row)), SEVERITY_TONE[groups.text("severity", row)]), " ", standingTag(row) ?? "", " ", link(address("finding", groups.text("fingerprint", row)), unbroken(printable(groups.text("title", row)))), make("div", {}, unbroken(printable(groups.text("advice", row)))));
  return [make("ul", { class: "findings" }, Array.from(rows, line))];
};
