// The questions of one case: drawn, answered by mouse or keys, kept as a draft until submitted.

export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const range = (n) => Array.from({ length: n }, (_, i) => i + 1);

export class Form {
  constructor(host, onChange) {
    this.host = host;
    this.onChange = onChange;
  }

  show(questions, token, earlier) {
    this.questions = questions;
    this.key = `draft-${token}`;
    this.answers = { ...earlier, ...this.draft() };
    this.active = Math.max(0, questions.findIndex((q) => this.answers[q.name] === undefined));
    this.draw();
  }
  draft() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key)) ?? {};
    } catch {
      return {};
    }
  }
  forget() {
    sessionStorage.removeItem(this.key);
  }

  draw() {
    this.boxes = this.questions.map((question, place) => this.drawOne(question, place));
    this.host.replaceChildren(...this.boxes);
    this.mark();
  }
  drawOne(question, place) {
    const title = el("legend", {}, question.text);
    if (!question.required) title.append(el("small", {}, " (optional)"));
    const box = el("fieldset", { "data-question": question.name }, title);
    box.addEventListener("pointerdown", () => this.activate(place));
    box.addEventListener("focusin", () => this.activate(place));
    box.append(...this.controls(question, place));
    return box;
  }
  controls(question, place) {
    const { name, kind } = question;
    if (kind === "text") {
      const field = el("textarea", {
        rows: 3,
        maxlength: question.max_length,
        "aria-label": question.text,
        oninput: (event) => this.set(name, event.target.value),
      });
      field.value = this.answers[name] ?? "";
      return [field];
    }
    if (kind === "analogue") {
      const value = this.answers[name];
      const shown = el("output", {}, value === undefined ? "not answered" : String(value));
      const slider = el("input", {
        type: "range", min: 0, max: 100, step: 1, "aria-label": question.text,
        class: value === undefined ? "untouched" : "",
        oninput: (event) => {
          event.target.classList.remove("untouched");
          shown.textContent = event.target.value;
          this.set(name, Number(event.target.value));
        },
      });
      slider.value = value ?? 50;
      const ends = el("div", { class: "ends" }, el("span", {}, question.low ?? ""), shown,
        el("span", {}, question.high ?? ""));
      return [slider, ends];
    }
    const options = question.options ?? range(question.points).map((point) => {
      if (point === 1 && question.low) return `1: ${question.low}`;
      if (point === question.points && question.high) return `${point}: ${question.high}`;
      return String(point);
    });
    return options.map((label, index) => {
      const key = el("kbd", {}, String(index + 1));
      const chosen = this.chosen(question, index + 1);
      return el("button", {
        type: "button", class: "option", "aria-pressed": String(chosen), tabindex: -1,
        onclick: () => { this.activate(place); this.choose(index + 1); },
      }, key, el("span", {}, label));
    });
  }
  chosen(question, value) {
    const answer = this.answers[question.name];
    return Array.isArray(answer) ? answer.includes(value) : answer === value;
  }

  // What a digit does to the active question; the next unanswered one is then active.
  choose(value) {
    const question = this.questions[this.active];
    const count = question.options?.length ?? question.points ?? 0;
    if (question.kind === "analogue") return this.slide(value * 10);
    if (value < 1 || value > count) return;
    if (question.kind === "multiple") {
      const old = this.answers[question.name] ?? [];
      const next = old.includes(value) ? old.filter((v) => v !== value) : [...old, value];
      this.set(question.name, next.sort((a, b) => a - b));
      this.redraw(this.active);
      return;
    }
    this.set(question.name, value);
    this.redraw(this.active);
    if (this.active < this.questions.length - 1) this.activate(this.active + 1);
  }
  slide(value) {
    const slider = this.boxes[this.active].querySelector("input[type=range]");
    slider.value = value;
    slider.dispatchEvent(new Event("input"));
  }
  redraw(place) {
    const fresh = this.drawOne(this.questions[place], place);
    this.boxes[place].replaceWith(fresh);
    this.boxes[place] = fresh;
    this.mark();
  }
  set(name, value) {
    this.answers[name] = value;
    sessionStorage.setItem(this.key, JSON.stringify(this.answers));
    this.onChange();
  }
  move(step) {
    this.activate(Math.min(this.questions.length - 1, Math.max(0, this.active + step)));
    const field = this.boxes[this.active].querySelector("textarea");
    if (field) field.focus();
  }
  activate(place) {
    this.active = place;
    this.mark();
  }
  mark() {
    this.boxes.forEach((box, place) => box.classList.toggle("active", place === this.active));
    this.boxes[this.active]?.scrollIntoView({ block: "nearest" });
  }
  missing() {
    return this.questions.filter((question) => {
      const answer = this.answers[question.name];
      const none = answer === undefined || answer === "" || (Array.isArray(answer) && !answer.length);
      return question.required && none;
    });
  }
  collected() {
    const given = Object.entries(this.answers).filter(([, answer]) => answer !== "");
    return Object.fromEntries(given);
  }
}
