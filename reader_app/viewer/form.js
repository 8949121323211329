// The questions of one case: drawn, answered by mouse or keys, kept as a draft until submitted.

// Texts become text nodes, so that nothing in a design or an answer is ever read as HTML.
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const UNANSWERED = "not answered";

function optionsOf({ options, points, low, high }) {
  if (options) return options;
  return Array.from({ length: points }, (_, place) => {
    if (place === 0 && low) return low;
    return place === points - 1 && high ? high : "";
  });
}

export class Form {
  constructor(host, changed) {
    Object.assign(this, { host, changed, questions: [], answers: {}, active: 0 });
  }

  show(questions, token, earlier) {
    this.questions = questions;
    this.key = `draft-${token}`;
    this.answers = { ...earlier, ...JSON.parse(sessionStorage.getItem(this.key) ?? "{}") };
    this.boxes = questions.map((question, place) => this.box(question, place));
    this.host.replaceChildren(...this.boxes);
    this.active = Math.max(0, questions.findIndex((question) => !this.answered(question)));
    this.mark();
    this.changed();
  }
  static forget(token) {
    sessionStorage.removeItem(`draft-${token}`);
  }

  box(question, place) {
    const title = el("legend", {}, question.text);
    if (!question.required) title.append(el("small", {}, " (optional)"));
    const box = el("fieldset", { "data-question": question.name, tabindex: -1 }, title);
    box.addEventListener("pointerdown", () => this.activate(place));
    box.addEventListener("focusin", () => this.activate(place));
    box.append(...this.controls(question, place));
    return box;
  }
  controls(question, place) {
    if (question.kind === "text") return this.field(question);
    if (question.kind === "analogue") return this.line(question);
    const role = question.kind === "multiple" ? "checkbox" : "radio";
    return optionsOf(question).map((label, index) => el("button", {
      type: "button", class: "option", tabindex: -1, role,
      "aria-checked": String([this.answers[question.name]].flat().includes(index + 1)),
      onclick: () => { this.activate(place); this.choose(index + 1); },
    }, el("kbd", {}, String(index + 1)), el("span", {}, label)));
  }
  field(question) {
    const field = el("textarea", {
      rows: 3, maxlength: question.max_length, "aria-label": question.text, placeholder: "T to write, Esc to leave",
      oninput: () => this.set(question, field.value.trim() ? field.value : undefined),
    });
    field.value = this.answers[question.name] ?? "";
    return [field];
  }
  line(question) {
    const value = this.answers[question.name];
    const shown = el("output", {}, value === undefined ? UNANSWERED : String(value));
    const slider = el("input", {
      type: "range", min: 0, max: 100, step: 1, tabindex: -1, "aria-label": question.text,
      class: value === undefined ? "untouched" : "",
      oninput: () => this.set(question, Number(slider.value)),
      onpointerup: () => this.set(question, Number(slider.value)),
    });
    slider.value = value ?? 50;
    const hint = el("small", {}, "← → by one, 1 to 9 by tens");
    return [slider, el("div", { class: "ends" }, el("span", {}, question.low), shown, el("span", {}, question.high)), hint];
  }

  // What a digit does to the active question; the next one without an answer is then active.
  choose(value) {
    const question = this.questions[this.active];
    if (question.kind === "analogue") this.set(question, value * 10);
    else if (question.kind === "text" || value > optionsOf(question).length) return;
    else if (question.kind === "multiple") {
      const old = this.answers[question.name] ?? [];
      const next = old.includes(value) ? old.filter((one) => one !== value) : [...old, value];
      this.set(question, next.length ? next.sort((a, b) => a - b) : undefined);
    } else {
      this.set(question, value);
      const next = this.questions.findIndex((other, place) => place > this.active && !this.answered(other));
      if (next >= 0) this.activate(next);
    }
  }
  // Move the answer of an analogue question; tells whether the active question is one.
  slide(step) {
    const question = this.questions[this.active];
    if (question?.kind !== "analogue") return false;
    const value = (this.answers[question.name] ?? 50) + step;
    this.set(question, Math.min(100, Math.max(0, value)));
    return true;
  }
  takeBack() {
    this.set(this.questions[this.active], undefined);
  }
  leave(field) {
    this.left = this.active;
    field.blur();
  }
  write() {
    const texts = this.questions.map((question, place) => (question.kind === "text" ? place : -1));
    const place = texts.includes(this.active) ? this.active : texts.find((one) => one >= 0);
    if (place !== undefined) this.boxes[place].querySelector("textarea").focus();
  }

  set(question, answer) {
    if (answer === undefined) delete this.answers[question.name];
    else this.answers[question.name] = answer;
    sessionStorage.setItem(this.key, JSON.stringify(this.answers));
    this.refresh(question);
    this.changed();
  }
  // The controls stay the same elements, so that focus and a drag in progress survive.
  refresh({ name, kind }) {
    const box = this.boxes[this.questions.findIndex((question) => question.name === name)];
    const answer = this.answers[name];
    if (kind === "text") {
      if (answer === undefined && box.querySelector("textarea").value.trim()) box.querySelector("textarea").value = "";
    } else if (kind === "analogue") {
      const slider = box.querySelector("input");
      slider.value = answer ?? 50;
      slider.classList.toggle("untouched", answer === undefined);
      box.querySelector("output").textContent = answer ?? UNANSWERED;
    } else {
      box.querySelectorAll(".option").forEach((option, index) =>
        option.setAttribute("aria-checked", String([answer].flat().includes(index + 1))));
    }
  }

  // To another question; false at either end, where the focus may leave the form.
  move(step) {
    const place = this.active + step;
    // A text field that an answer led to is entered first, unless it was left by Escape.
    const field = this.boxes[this.active]?.querySelector("textarea");
    if (field && step > 0 && field.getRootNode().activeElement !== field && this.left !== this.active) {
      field.focus();
      return true;
    }
    if (place < 0 || place >= this.questions.length) return false;
    (this.boxes[place].querySelector("textarea") ?? this.boxes[place]).focus({ preventScroll: true });
    this.activate(place);
    return true;
  }
  activate(place) {
    if (place !== this.active) this.left = null;
    this.active = place;
    this.mark();
  }
  mark() {
    this.boxes.forEach((box, place) => box.classList.toggle("active", place === this.active));
    this.boxes[this.active]?.scrollIntoView({ block: "nearest" });
  }

  answered(question) {
    return this.answers[question.name] !== undefined;
  }
  missing() {
    return this.questions.filter((question) => question.required && !this.answered(question));
  }
}
