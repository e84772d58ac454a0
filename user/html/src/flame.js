// SPDX-License-Identifier: BSD-2-Clause
// The flame graph, on a canvas as large as the window onto it: browsers fail beyond 32,767 pixels,
// and what cannot be seen costs nothing. Roots are on top.

import { paletteOf } from "./palette.js";

const ROW = 21;
const TEXT_FROM = 28; // pixels below which a frame has no text
const LEAST = 0.6; // pixels below which frames are drawn as one

export class Flame {
	constructor(holder, events) {
		this.holder = holder;
		this.events = events;
		this.canvas = document.createElement("canvas");
		this.spacer = document.createElement("div");
		this.canvas.tabIndex = 0;
		this.canvas.setAttribute("role", "img");
		this.canvas.setAttribute("aria-label", "Flame graph; the table below has the same rows");
		holder.append(this.canvas, this.spacer);
		this.context = this.canvas.getContext("2d");
		this.boxes = [];
		this.widths = new Map();
		this.listen();
	}

	listen() {
		const { canvas, holder } = this;

		canvas.addEventListener("mousemove", (event) => this.hover(event));
		canvas.addEventListener("mouseleave", () => this.events.onHover(null));
		canvas.addEventListener("click", (event) => this.click(event));
		holder.addEventListener("scroll", () => this.plan());
		new ResizeObserver(() => this.plan()).observe(holder);
	}

	// tree: tree.js; view: text(node), colour(node), isDim(node), isFound(node).
	show(tree, view) {
		this.tree = tree;
		this.view = view;
		this.zoomed = tree.root;
		this.selected = null;
		this.holder.scrollTop = 0;
		this.plan();
	}

	refresh(view) {
		this.view = view;
		this.plan();
	}

	zoom(node) {
		this.zoomed = node;
		this.selected = node === this.tree.root ? null : node;
		this.draw();
		this.holder.scrollTop = Math.max(0, (node.depth - 3) * ROW);
		this.events.onZoom(node);
	}

	plan() {
		if (this.planned || !this.tree) return;
		this.planned = true;
		requestAnimationFrame(() => {
			this.planned = false;
			this.draw();
		});
	}

	// ---- What is where ----

	// Boxes of what is wide enough, parents before children; `rest` stands for many.
	layOut(width) {
		const path = [];

		this.boxes = [];
		for (let node = this.zoomed; node; node = node.parent) path.push(node);
		for (const node of path.reverse()) this.boxes.push({ node, x: 0, width });
		this.deepest = this.zoomed.depth;
		const scale = this.zoomed.width ? width / this.zoomed.width : 0;
		const open = [{ node: this.zoomed, x: 0 }];
		while (open.length) {
			const { node, x } = open.pop();
			this.layOutChildren(node, x, scale, open);
		}
	}

	layOutChildren(node, x, scale, open) {
		for (const child of this.tree.children(node)) {
			const width = child.width * scale;
			const last = this.boxes[this.boxes.length - 1];

			if (width >= LEAST) {
				this.boxes.push({ node: child, x, width });
				open.push({ node: child, x });
				this.deepest = Math.max(this.deepest, child.depth);
			} else if (last.rest && last.node.parent === node) {
				last.width += width;
			} else {
				this.boxes.push({ node: child, x, width, rest: true });
				this.deepest = Math.max(this.deepest, child.depth);
			}
			x += width;
		}
	}

	boxAt(event) {
		const bounds = this.canvas.getBoundingClientRect();
		const x = event.clientX - bounds.left;
		const depth = Math.floor((event.clientY - bounds.top + this.holder.scrollTop) / ROW);

		return this.boxes.find(
			(box) => box.node.depth === depth && x >= box.x && x < box.x + box.width && !box.rest,
		);
	}

	boxOf(node) {
		return this.boxes.find((box) => box.node === node && !box.rest);
	}

	// ---- Drawing ----

	resize() {
		const ratio = window.devicePixelRatio || 1;
		const width = this.holder.clientWidth;
		const height = this.holder.clientHeight;

		if (this.canvas.width !== Math.round(width * ratio) ||
			this.canvas.height !== Math.round(height * ratio)) {
			this.canvas.width = Math.round(width * ratio);
			this.canvas.height = Math.round(height * ratio);
			this.canvas.style.width = `${width}px`;
			this.canvas.style.height = `${height}px`;
		}
		this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
		return { width, height };
	}

	// As high as its rows, within what the style allows.
	fit() {
		const wanted = (this.deepest + 1) * ROW;

		this.holder.style.height = `${wanted}px`;
		this.spacer.style.height = `${Math.max(0, wanted - this.holder.clientHeight)}px`;
	}

	draw() {
		if (!this.tree) return;
		const begin = performance.now();
		this.layOut(this.holder.clientWidth);
		this.fit();
		const { width, height } = this.resize();
		const top = this.holder.scrollTop;

		this.palette = paletteOf(this.holder);
		this.context.fillStyle = this.palette.ground;
		this.context.fillRect(0, 0, width, height);
		this.context.font = this.palette.font;
		this.context.textBaseline = "middle";
		for (const box of this.boxes) {
			const y = box.node.depth * ROW - top;
			if (y > -ROW && y < height) this.drawBox(box, y);
		}
		this.outline(top);
		this.drawnIn = performance.now() - begin;
		this.drawnAt = top;
	}

	drawBox(box, y) {
		const { context, palette, view } = this;
		const { node, x } = box;
		const width = Math.max(box.width - (box.width > 3 ? 1 : 0), 0.5);

		context.globalAlpha = view.isDim(node) || box.rest ? 0.4 : 1;
		context.fillStyle = box.rest ? palette.rest : view.colour(node, palette);
		context.fillRect(x, y, width, ROW - 1);
		if (!box.rest) this.drawLoss(node, x, y, width);
		if (view.isFound(node) && !box.rest) this.mark(x, y, width);
		context.globalAlpha = view.isDim(node) ? 0.75 : 1;
		if (!box.rest && width >= TEXT_FROM) this.drawText(node, x, y, width);
		context.globalAlpha = 1;
	}

	// A frame that lost more than it gained is hatched, else the part that it lost by itself.
	drawLoss(node, x, y, width) {
		const { context } = this;
		const own = node.total < 0 ? node.width : node.self < 0 ? -node.self : 0;

		if (!own || !node.width) return;
		const hatched = (width * own) / node.width;
		context.fillStyle = this.palette.hatch(context);
		context.fillRect(x + width - hatched, y, hatched, ROW - 1);
	}

	mark(x, y, width) {
		const { context, palette } = this;

		context.fillStyle = palette.found;
		context.fillRect(x, y, width, ROW - 1);
		if (width < 4) return;
		context.strokeStyle = palette.foundEdge;
		context.lineWidth = 1;
		context.strokeRect(x + 0.5, y + 0.5, width - 1, ROW - 2);
	}

	textWidth(text) {
		if (!this.widths.has(text)) this.widths.set(text, this.context.measureText(text).width);
		return this.widths.get(text);
	}

	drawText(node, x, y, width) {
		const { context, palette, view } = this;
		const room = width - 8;
		let text = view.text(node);
		const wanted = this.textWidth(text);

		if (wanted > room) text = this.cut(text, room, wanted);
		context.fillStyle = view.isFound(node) ? palette.foundText : palette.text;
		context.fillText(text, x + 4, y + ROW / 2);
	}

	cut(text, room, wanted) {
		let length = Math.floor((text.length * room) / wanted);

		while (length > 0 && this.context.measureText(`${text.slice(0, length)}…`).width > room)
			length--;
		return length ? `${text.slice(0, length)}…` : "";
	}

	outline(top) {
		const box = this.selected && this.boxOf(this.selected);

		if (!box) return;
		this.context.strokeStyle = this.palette.outline;
		this.context.lineWidth = 2;
		this.context.strokeRect(box.x + 1, box.node.depth * ROW - top + 1,
			Math.max(box.width - 3, 1), ROW - 3);
	}

	// ---- Mouse and keys ----

	hover(event) {
		const box = this.boxAt(event);

		this.canvas.style.cursor = box ? "pointer" : "default";
		this.events.onHover(box ? box.node : null, event);
	}

	click(event) {
		const box = this.boxAt(event);

		if (box) this.zoom(box.node);
	}

	select(node) {
		if (!node) return;
		this.selected = node;
		if (!this.boxOf(node)) this.zoom(node.parent || node);
		const y = node.depth * ROW;
		const height = this.holder.clientHeight;
		if (y < this.holder.scrollTop) this.holder.scrollTop = y;
		if (y + ROW > this.holder.scrollTop + height) this.holder.scrollTop = y + ROW - height;
		this.selected = node;
		this.draw();
		this.events.onSelect(node);
	}

	sibling(step) {
		const node = this.selected;
		if (!node || !node.parent) return null;
		const siblings = this.tree.children(node.parent);
		return siblings[siblings.indexOf(node) + step];
	}

	key(name) {
		const node = this.selected || this.zoomed;

		if (name === "ArrowDown") this.select(this.tree.children(node)[0]);
		else if (name === "ArrowUp") this.select(node.parent);
		else if (name === "ArrowLeft") this.select(this.sibling(-1));
		else if (name === "ArrowRight") this.select(this.sibling(1));
		else if (name === "Enter") this.zoom(node);
		else return false;
		return true;
	}
}
