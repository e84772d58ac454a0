// SPDX-License-Identifier: BSD-2-Clause
// Dark or light: by the system's wish, or the reader's. Paper is light.

import { byId } from "./text.js";

const NEXT = { auto: "light", light: "dark", dark: "auto" };

export function initTheme(redraw) {
	const root = document.documentElement;
	const button = byId("theme");

	function name(theme) {
		root.dataset.theme = theme;
		button.textContent = { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" }[theme];
	}

	function set(theme) {
		name(theme);
		redraw();
	}

	button.addEventListener("click", () => set(NEXT[root.dataset.theme]));
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
	let before = "auto";
	addEventListener("beforeprint", () => {
		before = root.dataset.theme;
		set("light");
	});
	addEventListener("afterprint", () => set(before));
	name("auto");
}
