// SPDX-License-Identifier: BSD-2-Clause
// What is said before anything is drawn: the sentence, amounts, losses, the capture.

import { processTitle } from "./scope.js";
import { byId, inert, make, megabytes, percent, seconds, whole } from "./text.js";

export function endOf(process) {
	if (process.end_reason === "signal") return `killed by signal ${process.exit?.signal}`;
	if (process.end_reason === "exit") return `exit ${process.exit?.code}`;
	return process.end_reason === "exec" ? "exec" : "still running";
}

function callsOf(process) {
	const { method, complete, reason } = process.calls;
	const how = method === "none" ? "not counted" : `counted by ${method}`;

	return how + (method !== "none" && !complete ? ", some missed" : "") +
		(reason ? `: ${inert(reason)}` : "");
}

const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);

// A difference has no highest moment: only what grew and what is there.
function amounts(profile) {
	const { processes, meta } = profile;
	const one = processes.length === 1 ? processes[0] : null;
	const last = profile.process_count === 1 ? processes.at(-1) : null;
	const facts = [];

	if (!profile.difference) {
		const peak = Math.max(...processes.map((process) => process.rss.peak));
		if (meta.highest) facts.push(["Highest, all together", megabytes(meta.highest.pss)]);
		else facts.push([last ? "Peak" : "Highest process", megabytes(peak)]);
	}
	facts.push(["Grown", megabytes(sumOf(processes.map((process) => process.balance.growth)))]);
	facts.push(["At the end", megabytes(sumOf(processes.map((process) => process.rss.end)))]);
	if (one && one.rss.live != null) facts.push(["Live", megabytes(one.rss.live)]);
	if (!profile.difference) facts.push(["Ran", seconds(meta.duration)]);
	facts.push(["Processes", last ? `1 (${endOf(last)})` : whole(profile.process_count)]);
	return facts;
}

function losses(profile) {
	const sums = new Map();
	const lists = [profile.meta.losses || [], ...profile.processes.map((entry) => entry.losses)];

	for (const { reason, events, bytes } of lists.flat()) {
		const sum = sums.get(reason) || { events: 0, bytes: 0 };
		sums.set(reason, { events: sum.events + events, bytes: sum.bytes + bytes });
	}
	return [...sums].map(([reason, { events, bytes }]) =>
		`${inert(reason)}: ${whole(events)} times${bytes ? `, ${megabytes(bytes)}` : ""}`);
}

function balance(profile) {
	const start = sumOf(profile.processes.map((process) => process.balance.start));
	const growth = sumOf(profile.processes.map((process) => process.balance.growth));
	const end = sumOf(profile.processes.map((process) => process.balance.end));
	const kernel = sumOf(profile.processes.map((process) => process.balance.kernel_end));

	return `${megabytes(start)} at start + ${megabytes(growth)} grown = ${megabytes(end)} at the ` +
		`end; the kernel says ${megabytes(kernel)}, difference ` +
		`${percent(Math.abs(kernel - end), Math.abs(kernel)) || "0.0 %"}`;
}

function showNotes(profile) {
	const lost = losses(profile);
	const notes = byId("notes");

	if (!profile.meta.complete)
		notes.append(make("p", { class: "note" }, "The dump is incomplete: the capture did not end."));
	if (lost.length)
		notes.append(make("details", { class: "note" },
			make("summary", {}, `Losses: ${lost.length} ${lost.length > 1 ? "reasons" : "reason"}`),
			make("ul", {}, ...lost.map((line) => make("li", {}, line)))));
}

function showFooter(profile) {
	const { meta, processes } = profile;
	const pythons = [...new Set(processes.map((entry) => entry.python).filter(Boolean))];
	const calls = [...new Set(processes.map(callsOf))];
	const rows = [
		["Command", meta.command?.length ? meta.command.map(inert).join(" ") : null],
		["Balance", balance(profile)],
		["Calls", calls.join("; ")],
		["Began", meta.started ? meta.started.replace("T", " ").replace("Z", " UTC") : null],
		["Machine", [profile.host && inert(profile.host), meta.kernel && `Linux ${inert(meta.kernel)}`]
			.filter(Boolean).join(", ")],
		["Python", pythons.map(inert).join(", ") || null],
		["memprobe", [meta.memprobe, profile.options].filter(Boolean).map(inert).join(", ")],
		["Units", "MB = 1,048,576 bytes"],
	];

	byId("footer").append(make("dl", {}, ...rows.filter(([, text]) => text).flatMap(
		([name, text]) => [make("dt", {}, name), make("dd", {}, text)])));
}

function showProcesses(profile, events) {
	const head = ["Process", "Peak", "At the end", "Grown", "From", "To", "End", "Python"];
	const body = make("tbody");

	byId("processes").hidden = profile.processes.length < 2;
	if (profile.processes.length < 2) return;
	profile.processes.forEach((process, index) => {
		const times = process.count > 1 ? ` × ${process.count}` : "";
		body.append(make("tr", { "data-process": index,
			onmouseenter: () => events.onProcess(index), onmouseleave: () => events.onProcess(null),
			onclick: () => events.onChoose(index) },
			make("th", { scope: "row", class: "text" }, make("button", { type: "button",
				class: "name", onfocus: () => events.onProcess(index) },
				processTitle(process) + times)),
			...[megabytes(process.rss.peak), megabytes(process.rss.end),
				megabytes(process.balance.growth), seconds(process.start), seconds(process.end),
				endOf(process), inert(process.python || "–")].map((text) => make("td", {}, text))));
	});
	byId("process-rows").append(make("thead", {}, make("tr", {}, ...head.map((title, index) =>
		make("th", { scope: "col", class: index ? null : "text" }, title)))), body);
}

export function showSummary(profile, events) {
	const command = profile.meta.command?.map(inert).join(" ");

	byId("command").textContent = command || "";
	byId("sentence").textContent = inert((profile.sentence || "Nothing was measured.").trim());
	byId("facts").append(...amounts(profile).map(([name, text]) =>
		make("div", {}, make("dt", {}, name), make("dd", {}, text))));
	showNotes(profile);
	showProcesses(profile, events);
	showFooter(profile);
}
