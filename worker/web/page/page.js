// SPDX-License-Identifier: Apache-2.0
// The page. Everything that comes from a worker goes through textContent.
"use strict";

const EVENTS_MAX = 300, STRIP = 60, MINUTES = 60, HOURS = 192, OPEN_MAX = 8, NAMED_MAX = 12, SVG = "http://www.w3.org/2000/svg";
const $ = id => document.getElementById(id);
const cards = new Map();
let healing = []; // [minute, healed, restarted, failed] of the last hour
let events = []; // newest first
let paused = false;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function duration(ms) {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 10000) return (ms / 1000).toFixed(1) + " s";
  const s = Math.floor(ms / 1000), m = Math.floor(s / 60), h = Math.floor(m / 60);
  if (m < 1) return s + " s";
  if (h < 1) return m + " min " + s % 60 + " s";
  return h < 48 ? h + " h " + m % 60 + " min" : Math.floor(h / 24) + " days";
}

function bytes(n) {
  return (n / 1048576).toFixed(1) + " MiB";
}

function plural(n, word) {
  return n + " " + word + (n === 1 ? "" : "s");
}

// How a worker is, as one of the classes good, warn, bad and none.
function health(worker) {
  if (worker.state === "up") return worker.failed_cycles > 0 ? "warn" : "good";
  if (worker.state === "down") return worker.error ? "bad" : "";
  return "warn";
}

// What the worker told by minute: minute => {equity, orders, refused}, of the last hour

const thisMinute = () => Math.floor(Date.now() / 60000);

function number(value) {
  return value === undefined || value === null || value === "" ? undefined : Number(value);
}

function countsOf(text) {
  return text === undefined ? undefined
    : String(text).split(",").reduce((sum, part) => sum + (Number(part.split(":")[1]) || 0), 0);
}

function note(card, minute, point) {
  if (point.equity === undefined && point.orders === undefined && point.refused === undefined) return;
  card.minutes.set(minute, point);
  for (const old of card.minutes.keys()) if (old <= thisMinute() - MINUTES) card.minutes.delete(old);
}

function amount(n) {
  return n.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

function smallChart(title, ...kinds) {
  const root = element("figure", "small");
  const svg = shape("svg", { viewBox: "0 0 600 60", preserveAspectRatio: "none", role: "img" });
  const caption = element("figcaption", "", title), texts = kinds.map(kind => element("span", kind));
  for (const text of texts) caption.append(" ", text);
  root.append(caption, svg);
  return { root, svg, texts };
}

const place = minute => (MINUTES - 1 - (thisMinute() - minute)) * 10;

function drawEquity(chart, minutes) {
  const points = minutes.filter(([, point]) => Number.isFinite(point.equity));
  chart.root.hidden = points.length === 0;
  if (points.length === 0) return;
  const values = points.map(([, point]) => point.equity), least = Math.min(...values), most = Math.max(...values);
  const y = value => most === least ? 30 : 55 - (value - least) / (most - least) * 50;
  const first = values[0], last = values[values.length - 1], change = last - first;
  const path = points.map(([minute, point], i) =>
    (i ? "L" : "M") + (place(minute) + 5) + " " + y(point.equity).toFixed(1)).join("") + "h.1";
  chart.svg.replaceChildren(shape("line", { x1: 0, y1: y(first), x2: 600, y2: y(first) }), shape("path", { d: path }));
  const since = change !== 0 ? " (" + (change < 0 ? "\u2212" : "+") + amount(Math.abs(change)) + ")" : "";
  set(chart.texts[0], amount(last) + since);
  chart.svg.setAttribute("aria-label", "Equity of the last hour by minute, from " + amount(least) +
    " to " + amount(most));
}

// How many more there are than in the minute before; a count that fell has begun anew.
function growth(minutes, key) {
  return minutes.map(([minute, point], i) => {
    const before = i ? minutes[i - 1][1][key] : undefined;
    return [minute, point[key] >= before ? point[key] - before : 0];
  });
}

function drawOrders(chart, minutes) {
  const told = minutes.filter(([, point]) => point.orders !== undefined || point.refused !== undefined);
  chart.root.hidden = told.length === 0;
  if (told.length === 0) return;
  const orders = growth(told, "orders"), refused = growth(told, "refused");
  const most = Math.max(4, ...orders.map(([, n], i) => n + refused[i][1]));
  const shapes = [shape("line", { x1: 0, y1: 59.5, x2: 600, y2: 59.5 })];
  orders.forEach(([minute, n], i) => {
    let y = 59;
    for (const [count, kind] of [[n, "placed"], [refused[i][1], "refused"]]) {
      const height = count / most * 56;
      y -= height;
      if (height > 0) shapes.push(shape("rect", { x: place(minute) + 1, y, width: 8, height, class: kind }));
    }
  });
  chart.svg.replaceChildren(...shapes);
  const sum = list => list.reduce((all, [, n]) => all + n, 0);
  chart.svg.toggleAttribute("hidden", sum(orders) + sum(refused) === 0);
  set(chart.texts[0], sum(orders) + " placed");
  set(chart.texts[1], sum(refused) + " refused");
  chart.svg.setAttribute("aria-label", "Orders of the last hour by minute: " + chart.texts[0].textContent + ", " +
    chart.texts[1].textContent);
}

function drawFigures(card) {
  const minutes = [...card.minutes.entries()].sort((a, b) => a[0] - b[0]);
  drawEquity(card.equity, minutes);
  drawOrders(card.orders, minutes);
  card.charts.hidden = card.equity.root.hidden && card.orders.root.hidden;
}

// The tree

// What is not known, or means nothing for this worker, is not there.
const known = (value, text) => value === undefined ? undefined : text(value);
const ago = ms => duration(ms) + " ago";
const FIGURES = [
  ["Up", w => known(w.up_ms, duration)],
  ["Restarts", w => w.restarts],
  ["Heals", w => w.heals],
  ["Cycle", w => w.cycle],
  ["Began", w => known(w.cycle_age_ms, ago)],
  ["Last good", w => known(w.good_cycle_age_ms, ago) || known(w.cycle, () => "none yet")],
  ["Failed in a row", w => w.failed_cycles],
  ["Feed", w => known(w.feed_age_ms, ms => duration(ms) + " old")],
  ["Memory", w => known(w.memory_bytes, bytes)],
  ["PID", w => w.pid],
];

// In a line, for a card that is closed.
function brief(card, worker) {
  return [known(worker.cycle_age_ms, ms => "cycle " + ago(ms)),
    known(worker.equity, () => "equity " + card.equity.texts[0].textContent),
    known(worker.restarts || undefined, n => plural(n, "restart")),
    known(worker.cycle === undefined ? worker.up_ms : undefined, ms => "up " + duration(ms))]
    .filter(text => text !== undefined).join(" · ");
}

function makeCard() {
  const card = { root: element("li", "worker"), values: [], samples: [], minutes: new Map() };
  const top = element("span", "top"), list = element("dl"), head = element("summary");
  card.more = element("details");
  head.addEventListener("click", () => { card.chosen = !card.more.open; });
  card.name = top.appendChild(element("span", "name"));
  card.held = top.appendChild(element("span", "held"));
  card.state = top.appendChild(element("span", "state"));
  card.strip = shape("svg", { class: "strip", viewBox: "0 0 " + STRIP * 4 + " 16",
    preserveAspectRatio: "none", role: "img" });
  for (const [title] of FIGURES) {
    const pair = list.appendChild(element("div"));
    pair.appendChild(element("dt", "", title));
    card.values.push(pair.appendChild(element("dd")));
  }
  card.charts = element("div", "charts");
  card.equity = smallChart("Equity", "worth");
  card.orders = smallChart("Orders", "key placed", "key refused");
  card.charts.append(card.equity.root, card.orders.root);
  card.status = element("p", "told");
  card.error = element("p", "told error");
  card.brief = element("span", "brief");
  head.append(top, card.strip, card.brief);
  card.more.append(head, list, card.charts, card.status);
  card.root.append(card.more, card.error);
  return card;
}

function cardOf(name) {
  if (!cards.has(name)) cards.set(name, makeCard());
  return cards.get(name);
}

function set(node, text) {
  text = String(text);
  if (node.textContent !== text) node.textContent = text;
}

function drawStrip(card, worker) {
  card.samples.push(health(worker));
  if (card.samples.length > STRIP) card.samples.shift();
  const unseen = STRIP - card.samples.length;
  card.strip.replaceChildren(...Array.from({ length: STRIP }, (_, i) =>
    shape("rect", { x: i * 4, y: 0, width: 3, height: 16, class: i < unseen ? "" : card.samples[i - unseen] })));
  card.strip.setAttribute("aria-label", "of the last " + card.samples.length + " looks, " +
    card.samples.filter(s => s === "good").length + " good");
}

function fillCard(card, worker) {
  card.root.className = "worker " + health(worker);
  set(card.name, worker.name);
  set(card.state, worker.state + (worker.phase ? ", " + worker.phase : ""));
  set(card.held, worker.held ? "held: " + worker.held : "");
  FIGURES.forEach(([, value], i) => {
    const text = value(worker);
    card.values[i].parentNode.hidden = text === undefined;
    set(card.values[i], text);
  });
  note(card, thisMinute(), { equity: number(worker.equity), orders: countsOf(worker.orders),
    refused: countsOf(worker.refused) });
  drawFigures(card);
  set(card.brief, brief(card, worker));
  set(card.status, worker.status || "");
  set(card.error, worker.error || "");
  drawStrip(card, worker);
}

// How many are how, and a way to each that is not well.
function showOverview(workers) {
  const word = { good: "good", warn: "failing, starting or waiting", bad: "down after an error", "": "down" };
  const counts = Object.keys(word).map(kind => [kind, workers.filter(worker => health(worker) === kind)]);
  const parts = counts.filter(([, list]) => list.length > 0).map(([kind, list]) => {
    const part = element("span", "key " + (kind || "idle"), list.length + " " + word[kind]);
    if (kind !== "good") {
      part.append(": ");
      list.slice(0, NAMED_MAX).forEach((worker, i) => {
        const link = element("a", "", worker.name);
        link.href = "#" + encodeURIComponent("worker-" + worker.name);
        part.append(i ? ", " : "", link);
      });
      if (list.length > NAMED_MAX) part.append(" and " + (list.length - NAMED_MAX) + " more");
    }
    return part;
  });
  const text = parts.map(part => part.textContent).join();
  if (text !== $("overview").textContent) $("overview").replaceChildren(...parts);
}

const groupOf = worker => worker.groups ? worker.groups.split("/").join(" › ") : worker.group;

function showWorkers(workers) {
  const nodes = [];
  let group;
  for (const worker of workers) {
    if (groupOf(worker) !== group && !(group === undefined && workers.every(w => groupOf(w) === groupOf(worker))))
      nodes.push(element("li", "group", "group " + groupOf(worker)));
    group = groupOf(worker);
    const card = cardOf(worker.name);
    card.root.id = "worker-" + worker.name;
    const open = card.chosen === undefined ? workers.length <= OPEN_MAX : card.chosen;
    if (card.more.open !== open) card.more.open = open;
    fillCard(card, worker);
    nodes.push(card.root);
  }
  showOverview(workers);
  for (const name of cards.keys())
    if (!workers.some(worker => worker.name === name)) cards.delete(name);
  const list = $("workers");
  if (nodes.length !== list.children.length || nodes.some((node, i) => node !== list.children[i]))
    list.replaceChildren(...nodes);
  $("no-workers").hidden = workers.length > 0;
}

function showHeals(rows) {
  const body = document.querySelector("#heals tbody");
  body.replaceChildren(...rows.map(row => {
    const line = element("tr");
    for (const value of [row.worker, row.level, row.kind, row.tried, row.succeeded, row.failed, row.relapsed])
      line.appendChild(element("td", "", value));
    return line;
  }));
  $("heals").hidden = rows.length === 0;
  $("no-heals").hidden = rows.length > 0;
}

// What is still on the page is what was known last; it must not pass for what is.
function lose(why) {
  $("summary").className = "lost";
  set($("summary"), why);
  document.body.className = "stale";
  document.title = "? tradesup";
}

function showStatus(status) {
  const supervisor = status.supervisor;
  if (!status.up || !supervisor) {
    lose("the supervisor does not answer; what is below was so before");
    return;
  }
  $("summary").className = document.body.className = "";
  const unwell = status.workers.filter(worker => ["warn", "bad"].includes(health(worker))).length;
  document.title = (unwell ? "(" + unwell + ") " : "") + "tradesup";
  set($("summary"), supervisor.state + ", up " + duration(supervisor.up_ms) + ", " + plural(supervisor.restarts, "restart") +
    " (" + supervisor.in_period + " of " + supervisor.intensity + " in " +
    duration(supervisor.period_ms) + "), version " + supervisor.version);
  $("held").hidden = status.latches.length === 0;
  set($("held"), "Orders are held: " + status.latches.map(latch =>
    (latch.worker ? latch.worker + ", " : "") + latch.rule + (latch.reason ? " (" + latch.reason + ")" : "")).join("; "));
  showWorkers(status.workers);
  showHeals(status.heals);
  healing = status.healing;
  drawChart();
  drawHours(status.healing_hours);
}

// Healing over time

const CLASSES = ["success", "restart", "failed"];

function drawChart() {
  const width = 600 / MINUTES, counts = Array.from({ length: MINUTES }, () => [0, 0, 0]);
  for (const [minute, ...kinds] of healing) {
    const at = MINUTES - 1 - Math.max(0, thisMinute() - minute);
    if (at >= 0) kinds.forEach((n, k) => { counts[at][k] += n; });
  }
  const most = Math.max(4, ...counts.map(c => c[0] + c[1] + c[2]));
  const shapes = [shape("line", { x1: 0, y1: 109.5, x2: 600, y2: 109.5 })];
  counts.forEach((count, i) => {
    let y = 109;
    count.forEach((n, k) => {
      const height = n / most * 104;
      y -= height;
      if (height > 0) shapes.push(shape("rect", { x: i * width + 1, y, width: width - 2, height, class: CLASSES[k] }));
    });
  });
  $("chart").replaceChildren(...shapes);
  const sum = k => counts.reduce((all, count) => all + count[k], 0);
  $("chart").toggleAttribute("hidden", sum(0) + sum(1) + sum(2) === 0);
  set($("chart-text"), "The last hour, by minute: " + sum(0) + " healed, " + plural(sum(1), "restart") +
    ", " + sum(2) + " failed or relapsed");
}

// The supervisor's own history: it has what was before this page's server was there.
function drawHours(hours) {
  const now = Math.floor(Date.now() / 3600000), width = 768 / HOURS;
  const shown = hours.filter(row => row.hour > now - HOURS && row.hour <= now);
  $("week").hidden = shown.length === 0;
  const bad = row => row.failed + row.relapsed;
  const most = Math.max(4, ...shown.map(row => row.succeeded + bad(row)));
  const shapes = [shape("line", { x1: 0, y1: 59.5, x2: 768, y2: 59.5 })];
  for (const row of shown) {
    const x = (HOURS - 1 - now + row.hour) * width;
    let y = 59;
    for (const [n, kind] of [[row.succeeded, "success"], [bad(row), "failed"]]) {
      const height = n / most * 56;
      y -= height;
      if (height > 0) shapes.push(shape("rect", { x, y, width: width - 1, height, class: kind }));
    }
  }
  $("hours").replaceChildren(...shapes);
  const sum = of => shown.reduce((all, row) => all + of(row), 0);
  set($("hours-text"), "The last 8 days, by hour: " + sum(row => row.succeeded) + " healed, " + sum(bad) +
    " failed or relapsed");
}

// Events

const BAD = /(_failed|\.failed|\.hang|relapsed|escalate|service_restart|start_failed|latched|stall|garbage)$/;
const WARN = /(worker_thread_restart|worker\.exit|worker\.backoff|order\.refused|supervisor\.hold)$/;
const GOOD = /(_success|\.ready|\.verified|\.resume)$/;

function eventLine(event) {
  const { event: name, ts, ...fields } = event;
  const line = element("li", BAD.test(name) ? "bad" : WARN.test(name) ? "warn" : GOOD.test(name) ? "good" : "");
  const time = line.appendChild(element("time", "", ts.slice(11, 23)));
  time.dateTime = ts;
  line.append(" ", element("span", "event", name), " ");
  line.appendChild(element("span", "", Object.entries(fields).map(([key, value]) => key + "=" + value).join("  ")));
  return line;
}

function isWanted(line) {
  const wanted = $("filter").value.trim().toLowerCase();
  return wanted === "" || line.textContent.toLowerCase().includes(wanted);
}

function showEvents() {
  if (!paused) $("events").replaceChildren(...events.filter(isWanted));
}

function takeEvent(event) {
  const line = eventLine(event);
  events.unshift(line);
  if (events.length > EVENTS_MAX) events.pop().remove();
  if (!paused && isWanted(line)) $("events").prepend(line);
}

// What was before the page was opened. The last look comes once more with the stream.

const HEALTH = { g: "good", w: "warn", b: "bad" };

function takeHistory(history) {
  for (const worker of history.workers) {
    const card = cardOf(worker.name);
    card.samples = [...worker.looks.slice(0, -1)].map(letter => HEALTH[letter] || "");
    for (const [minute, equity, orders, refused] of worker.minutes)
      note(card, minute, { equity: number(equity), orders: number(orders), refused: number(refused) });
  }
}

// The stream

function listen() {
  const stream = new EventSource("/events");
  let epoch;
  stream.addEventListener("status", message => showStatus(JSON.parse(message.data)));
  stream.addEventListener("happened", message => {
    const its = message.lastEventId.split("-")[0];
    if (epoch !== its) { // another life of the server: it tells all it knows once more
      epoch = its;
      events = [];
      showEvents();
    }
    takeEvent(JSON.parse(message.data));
  });
  stream.onerror = () => {
    lose("connection lost, trying again; what is below was so before");
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  };
}

$("filter").addEventListener("input", showEvents);
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  set($("pause"), paused ? "Go on" : "Pause");
  showEvents();
});
drawChart();
fetch("/history.json").then(answer => answer.json()).then(takeHistory).catch(() => {}).finally(listen);
