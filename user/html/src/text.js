// SPDX-License-Identifier: BSD-2-Clause
// Numbers and names as people read them, and elements with nothing but text in them.

const MB = 1048576;

export const megabytes = (bytes, digits = 2) =>
	`${(bytes / MB).toFixed(digits).replace(/^-(0\.?0*)$/, "$1").replace("-", "−")} MB`;
export const whole = (count) => Math.round(count).toLocaleString("en-US");
export const percent = (part, all) => (all ? `${((100 * part) / all).toFixed(1)} %` : "");
export const seconds = (time) => `${time.toFixed(2)} s`;

export function amount(value, metric) {
	return metric.count ? `${whole(value)} calls` : megabytes(value);
}

// Control, format and bidirectional characters, which would make a name look like another one.
export function inert(text) {
	return String(text ?? "").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu, (letter) => {
		const number = letter.codePointAt(0).toString(16);
		return number.length <= 2 ? `\\x${number.padStart(2, "0")}` : `\\u{${number}}`;
	});
}

// Names come from whoever was measured: they are text, never markup.
export function make(tag, attributes = {}, ...children) {
	const element = document.createElement(tag);

	for (const [name, value] of Object.entries(attributes)) {
		if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
		else if (value === true) element.setAttribute(name, "");
		else if (value !== false && value != null) element.setAttribute(name, value);
	}
	element.append(...children.filter((child) => child != null));
	return element;
}

export const byId = (id) => document.getElementById(id);
