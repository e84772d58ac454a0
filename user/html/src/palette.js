// SPDX-License-Identifier: BSD-2-Clause
// Colours on the canvas: those of frames here, the others from the style's variables. Frames of
// one package have one colour; no meaning is told by red against green, and text on all of them has
// a contrast of 7 to 1 or more.

const FRAMES = {
	light: ["#9ec5e8", "#f2c48d", "#bdb6e4", "#9fd6c9", "#ecb8bc", "#e6dc9a", "#aab9ea", "#d9c2a7",
		"#a8d8e8", "#d5b6d8", "#bcd3a0"],
	dark: ["#27496b", "#664719", "#453f78", "#1c564b", "#693640", "#565020", "#34447c", "#584431",
		"#1f5066", "#573a5e", "#405529"],
};

export const isDark = () => getComputedStyle(document.documentElement).colorScheme === "dark";

function hatch(context, colour) {
	const tile = document.createElement("canvas");
	const pen = tile.getContext("2d");

	tile.width = tile.height = 8;
	pen.strokeStyle = colour;
	pen.lineWidth = 1.5;
	for (const shift of [-8, 0, 8]) {
		pen.moveTo(shift, 8);
		pen.lineTo(shift + 8, 0);
	}
	pen.stroke();
	return context.createPattern(tile, "repeat");
}

export function hashOf(text) {
	let hash = 2166136261;

	for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
	return (hash ^ (hash >>> 15)) >>> 0;
}

function makePalette(element, theme) {
	const style = getComputedStyle(element);
	const get = (name) => style.getPropertyValue(name).trim();
	const cache = new Map();
	let pattern;

	return {
		theme,
		ground: get("--canvas"), text: get("--frame-text"), rest: get("--rest"),
		found: get("--found"), foundText: get("--found-text"), foundEdge: get("--found-edge"),
		outline: get("--text"), other: get("--other"), root: get("--root"),
		font: `12px ${style.fontFamily}`,
		hatch: (context) => (pattern ??= hatch(context, get("--hatch"))),
		hue(key) {
			if (!cache.has(key)) {
				cache.set(key, FRAMES[theme][hashOf(key) % FRAMES[theme].length]);
			}
			return cache.get(key);
		},
		// Of a difference: blue is less, red is more, paler the smaller it is.
		change(share) {
			const strength = Math.min(1, Math.sqrt(Math.abs(share)));
			const hue = share < 0 ? 214 : 8;
			const [pale, deep] = theme === "dark" ? [26, 36] : [90, 70];
			return `hsl(${hue} ${20 + 60 * strength}% ${pale + (deep - pale) * strength}%)`;
		},
	};
}

let last = null;

export function paletteOf(element) {
	const theme = isDark() ? "dark" : "light";

	if (!last || last.theme !== theme) last = makePalette(element, theme);
	return last;
}
