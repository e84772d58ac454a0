// SPDX-License-Identifier: BSD-2-Clause
// Makes the page of one text: node build.mjs PAGE_BYTES.C. Script and style are bundled, minified
// and named by their hashes in the page's policy, so that a browser runs nothing else.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const source = (name) => join(here, "src", name);

async function bundle(name) {
	const result = await build({
		absWorkingDir: here,
		entryPoints: [source(name)],
		bundle: true,
		minify: true,
		write: false,
		format: "iife",
		target: ["chrome103", "firefox113", "safari16.4"], // the first with DecompressionStream
		charset: "utf8",
		legalComments: "none",
		logLevel: "warning",
	});
	// A text within <script> or <style> ends where it says so.
	return result.outputFiles[0].text.trim().replace(/<\/(script|style)/gi, "<\\/$1");
}

function policy(script, style) {
	const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
	return (
		`default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; ` +
		`base-uri 'none'; form-action 'none'`
	);
}

function bytesOf(name, text) {
	const packed = deflateSync(Buffer.from(text), { level: 9 });
	const lines = [];
	for (let i = 0; i < packed.length; i += 20)
		lines.push("\t" + [...packed.subarray(i, i + 20)].join(",") + ",");
	return (
		`static const unsigned char ${name}_bytes[] = {\n${lines.join("\n")}\n};\n` +
		`const struct page_part ${name} = { ${name}_bytes, sizeof(${name}_bytes), ` +
		`${Buffer.byteLength(text)} };\n`
	);
}

const script = await bundle("main.js");
const style = await bundle("style.css");
const parts = { "{{policy}}": policy(script, style), "{{style}}": style, "{{script}}": script };
const page = readFileSync(source("page.html"), "utf8").replace(
	/\{\{(policy|style|script)\}\}/g,
	(place) => parts[place],
);
const [head, tail] = page.split("{{data}}");
writeFileSync(
	process.argv[2],
	`/* Made by user/html/build.mjs. */\n#include "page.h"\n` +
		bytesOf("page_head", head) +
		bytesOf("page_tail", tail),
);
