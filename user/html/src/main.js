// SPDX-License-Identifier: BSD-2-Clause
// Reads what was measured and lets all parts of the page show the same choice of it.

import { Chart } from "./chart.js";
import { load } from "./data.js";
import { Page } from "./page.js";
import { initTheme } from "./theme.js";
import { byId } from "./text.js";

async function open() {
	const profile = await load(byId("data"));
	const page = new Page(profile);

	page.chart = new Chart(profile, page);
	initTheme(() => {
		page.flame.plan();
		page.chart.redraw();
	});
	page.start();
	globalThis.memprobe = page; // to look at from a console, and from tests
	document.documentElement.dataset.ready = Math.round(performance.now());
}

open().catch((error) => {
	byId("failure").textContent = `This page cannot be shown: ${error.message}`;
	byId("failure").hidden = false;
	document.documentElement.dataset.ready = "failed";
	throw error;
});
