// SPDX-License-Identifier: BSD-2-Clause
// The paths that held most at the highest moment, and what each is called by.

import { byId, make, megabytes, percent } from "./text.js";

const MOST = 10;

function pathOf(scope, row) {
	const names = [];

	for (let at = row; at >= 0; at = scope.parent[at]) names.push(scope.text(scope.label[at]));
	return names;
}

// Both ends of a path say most.
function short(path) {
	return path.length > 5 ? [...path.slice(0, 3), "…", path[path.length - 1]] : path;
}

export function showHeld(scope, events) {
	const profile = scope.profile;
	const isThere = !profile.difference && profile.metrics.some((metric) => metric.name === "peak");

	byId("held").hidden = !isThere;
	if (!isThere) return;
	const self = scope.self("peak");
	const rows = Array.from(self.keys()).filter((row) => self[row] > 0)
		.sort((a, b) => self[b] - self[a]);
	const all = self.reduce((sum, value) => sum + value, 0);
	byId("held-title").textContent = `${megabytes(all)}, by the paths that first touched it`;
	byId("held-rows").replaceChildren(...rows.slice(0, MOST).map((row) => make("li", {},
		make("span", { class: "value" }, megabytes(self[row])),
		make("span", { class: "share" }, percent(self[row], all)),
		make("button", { type: "button", class: "name", onclick: () => events.onRow(row) },
			short(pathOf(scope, row)).join(" ‹ ")))));
}
