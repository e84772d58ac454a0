// SPDX-License-Identifier: BSD-2-Clause
// Curves of RSS over time, one a process, drawn by uPlot.

import uPlot from "uplot";
import { processTitle } from "./scope.js";
import { byId, megabytes, seconds } from "./text.js";

const MB = 1048576;
const MOST = 12; // curves; the highest processes have them
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]]; // so that no curve is told by its colour alone

export class Chart {
	constructor(profile, events) {
		this.events = events;
		this.snapshots = profile.snapshots;
		this.all = profile.processes
			.map((process, index) => ({ process, index }))
			.filter(({ process }) => process.rss_series?.length > 1);
		this.shown = [...this.all].sort((a, b) => b.process.rss.peak - a.process.rss.peak)
			.slice(0, MOST);
		this.isThere = this.shown.length > 0;
		if (this.isThere) this.build();
	}

	get style() {
		return getComputedStyle(byId("chart"));
	}

	data() {
		const tables = this.shown.map(({ process }) => [
			process.rss_series.map(([time]) => time),
			process.rss_series.map(([, rss]) => rss / MB),
		]);
		return tables.length > 1 ? uPlot.join(tables) : tables[0];
	}

	colour(number) {
		const colours = this.style.getPropertyValue("--curves").split(",");
		return colours[number % colours.length].trim();
	}

	// Between two samples RSS is what it was at the first.
	series() {
		return this.shown.map(({ process }, number) => ({
			label: processTitle(process),
			stroke: () => this.colour(number),
			dash: DASHES[Math.floor(number / 6) % DASHES.length],
			width: 1.75,
			spanGaps: true,
			paths: uPlot.paths.stepped({ align: 1 }),
			points: { show: false },
			value: (plot, value) => (value == null ? "" : `${value.toFixed(2)} MB`),
		}));
	}

	axis(format) {
		return {
			stroke: () => this.style.getPropertyValue("--muted"),
			grid: { stroke: () => this.style.getPropertyValue("--line"), width: 1 },
			ticks: { show: false },
			font: `12px ${this.style.fontFamily}`,
			values: (plot, values) => values.map(format),
		};
	}

	size() {
		const width = byId("chart").clientWidth;
		return { width, height: Math.max(140, Math.min(260, width / 3)) };
	}

	build() {
		const holder = byId("chart");
		const options = {
			...this.size(),
			scales: { x: { time: false }, y: { range: (plot, min, max) => [0, max * 1.12 || 1] } },
			cursor: { drag: { x: true, y: false, setScale: false }, focus: { prox: 24 } },
			focus: { alpha: 0.25 },
			legend: { show: this.shown.length <= 6 },
			series: [{ label: "Time", value: (plot, time) => (time == null ? "" : seconds(time)) },
				...this.series()],
			axes: [{ ...this.axis((time) => `${time} s`), size: 30 },
				{ ...this.axis((value) => `${value} MB`), size: 70 }],
			hooks: {
				draw: [(plot) => this.drawMarks(plot)],
				setSelect: [(plot) => this.select(plot)],
			},
		};

		byId("time").hidden = false;
		options.width = holder.clientWidth;
		this.plot = new uPlot(options, this.data(), holder);
		new ResizeObserver(() => this.plot.setSize(this.size())).observe(holder);
	}

	redraw() {
		this.plot?.redraw();
	}

	select(plot) {
		const { left, width } = plot.select;

		if (width < 3) return;
		this.events.onSpan([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
	}

	clear() {
		this.plot?.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
	}

	// `index` of a process: its curve alone stands out; null: all do.
	highlight(index) {
		const number = this.shown.findIndex((entry) => entry.index === index);
		this.plot?.setSeries(number < 0 ? null : number + 1, { focus: true });
	}

	// Peaks as points with their amount, beginnings and ends of processes as ticks on the axis,
	// snapshots as dotted lines.
	drawMarks(plot) {
		const { ctx } = plot;

		ctx.save();
		this.drawSnapshots(plot);
		this.shown.forEach(({ process }, number) => {
			ctx.fillStyle = ctx.strokeStyle = this.colour(number);
			this.drawPeak(plot, process, number);
			if (this.all.length > 1) this.drawLife(plot, process);
		});
		ctx.restore();
	}

	drawPeak(plot, process, number) {
		const ratio = devicePixelRatio;
		const [time, rss] = process.rss_series.reduce((a, b) => (b[1] > a[1] ? b : a));
		const x = plot.valToPos(process.peak_time || time, "x", true);
		const y = plot.valToPos((process.rss.peak || rss) / MB, "y", true);

		plot.ctx.beginPath();
		plot.ctx.arc(x, y, 3.5 * ratio, 0, 2 * Math.PI);
		plot.ctx.fill();
		if (number) return;
		const isRight = x > plot.bbox.left + plot.bbox.width * 0.7;
		plot.ctx.font = `${12 * ratio}px ${this.style.fontFamily}`;
		plot.ctx.fillStyle = this.style.getPropertyValue("--text");
		plot.ctx.strokeStyle = this.style.getPropertyValue("--card");
		plot.ctx.lineWidth = 4 * ratio;
		plot.ctx.textAlign = isRight ? "right" : "left";
		for (const write of ["strokeText", "fillText"])
			plot.ctx[write](`peak ${megabytes(process.rss.peak)}`, x + (isRight ? -8 : 8) * ratio,
				Math.max(y - 5 * ratio, plot.bbox.top + 2 * ratio));
	}

	drawSnapshots(plot) {
		const { ctx, bbox } = plot, ratio = devicePixelRatio;

		ctx.strokeStyle = ctx.fillStyle = this.style.getPropertyValue("--muted");
		ctx.lineWidth = ratio;
		ctx.setLineDash([2 * ratio, 3 * ratio]);
		for (const time of this.snapshots) {
			const x = plot.valToPos(time, "x", true);

			ctx.beginPath();
			ctx.moveTo(x, bbox.top + 14 * ratio);
			ctx.lineTo(x, bbox.top + bbox.height);
			ctx.stroke();
		}
		ctx.setLineDash([]);
		if (!this.snapshots.length) return;
		ctx.font = `${11 * ratio}px ${this.style.fontFamily}`;
		ctx.textAlign = "left";
		ctx.fillText(this.snapshots.length > 1 ? "snapshots" : "snapshot",
			plot.valToPos(this.snapshots[0], "x", true), bbox.top + 11 * ratio);
	}

	drawLife(plot, process) {
		const ratio = devicePixelRatio;
		const bottom = plot.bbox.top + plot.bbox.height;

		for (const time of [process.start, process.end]) {
			const x = plot.valToPos(time, "x", true);
			plot.ctx.fillRect(x - ratio / 2, bottom - 7 * ratio, ratio, 7 * ratio);
		}
	}
}
