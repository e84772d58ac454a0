// SPDX-License-Identifier: BSD-2-Clause
// Rows of the table: functions, modules or packages of a scope, and who calls whom. What calls
// itself counts once.

// By row of the scope, the number of its group; the groups by number.
export function groupRows(scope, by) {
	const group = new Int32Array(scope.rows);
	const numbers = new Map();
	const groups = [];

	function add(key, name, fn) {
		if (!numbers.has(key)) {
			numbers.set(key, groups.length);
			groups.push({ number: groups.length, name, fn });
		}
		return numbers.get(key);
	}

	for (let row = 0; row < scope.rows; row++) {
		const label = scope.label[row];
		const fn = scope.functionAt(row);
		if (scope.isProcess(label)) group[row] = add(`p${label}`, scope.text(label), -1);
		else if (by === "function" || !scope.names.isCode(fn))
			group[row] = add(fn, scope.names.functionName(fn), fn);
		else group[row] = groupOf(scope, by, row, fn, group, add);
	}
	return { group, groups };
}

function groupOf(scope, by, row, fn, group, add) {
	const name = scope.names.groupName(by, fn);

	if (!name && scope.parent[row] >= 0) return group[scope.parent[row]];
	return add(`g${name}`, name || "?", -1);
}

// Walks the rows; tells for each whether one of its group is above it.
function walkOnce(scope, group, nrGroups, visit) {
	const until = new Int32Array(nrGroups);

	for (let row = 0; row < scope.rows; row++) {
		const isOutermost = row >= until[group[row]];
		if (isOutermost) until[group[row]] = scope.end[row];
		visit(row, group[row], isOutermost);
	}
}

// sums: of the metric, by name of what stands beside it: { peak, live }.
export function tabulate(scope, { group, groups }, main, beside, span) {
	const names = Object.keys(beside);
	const rows = groups.map((entry) => ({ ...entry, self: 0, total: 0, calls: 0, bound: false,
		counted: false, inSpan: !span, found: [], ...Object.fromEntries(names.map((n) => [n, 0])) }));
	const calls = scope.self("calls");
	const kinds = scope.self("calls_kind");
	const first = scope.self("first");

	walkOnce(scope, group, groups.length, (at, number, isOutermost) => {
		const row = rows[number];
		row.self += main.self[at];
		row.calls += calls[at];
		if (kinds[at]) row.counted = true;
		if (kinds[at] === 1) row.bound = true;
		if (span && first[at] >= span[0] && first[at] <= span[1]) row.inSpan = true;
		if (!isOutermost) return;
		row.total += main.gained[at] - main.lost[at];
		for (const name of names) row[name] += beside[name].gained[at] - beside[name].lost[at];
	});
	return rows;
}

// Who calls a group and whom it calls, with the totals of these calls.
export function neighbours(scope, { group, groups }, sums, number) {
	const callers = new Map();
	const callees = new Map();
	const until = new Int32Array(groups.length);
	const total = (row) => sums.gained[row] - sums.lost[row];
	const add = (map, key, value) => map.set(key, (map.get(key) || 0) + value);

	walkOnce(scope, group, groups.length, (row, own, isOutermost) => {
		const parent = scope.parent[row];
		if (own === number && isOutermost)
			add(callers, parent < 0 ? -1 : group[parent], total(row));
		if (own === number || parent < 0 || group[parent] !== number) return;
		if (row < until[own]) return;
		until[own] = scope.end[row];
		add(callees, own, total(row));
	});
	const sorted = (map) => [...map].map(([key, value]) => ({ group: groups[key], value }))
		.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
	return { callers: sorted(callers), callees: sorted(callees) };
}

// By group: has it a row whose label was found?
export function findGroups(scope, { group, groups }, found) {
	const isFound = new Uint8Array(groups.length);

	for (let row = 0; row < scope.rows; row++)
		if (found[scope.label[row]]) isFound[group[row]] = 1;
	return isFound;
}
