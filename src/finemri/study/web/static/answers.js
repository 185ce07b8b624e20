// The questions of a trial: which is asked now, what was answered, and by which key.

export class Answers {
  // changed(): told of every answer.
  constructor(form, changed) {
    Object.assign(this, { form, changed, kind: form.dataset.kind });
    this.questions = [...form.querySelectorAll(".criterion")];
    this.panes = this.kind === "opinion" ? 1 : this.questions[0].querySelectorAll(".choice").length;
    for (const question of this.questions) {
      question.addEventListener("change", () => this.#answered(question));
      question.addEventListener("focusin", () => this.mark(question));
      if (this.kind === "ranking") this.#rankable(question);
    }
    this.mark(this.open[0] ?? this.questions[0]);
  }

  get open() {
    return this.questions.filter((question) => !this.#isAnswered(question));
  }

  mark(question) {
    for (const each of this.questions) {
      each.classList.toggle("asked", each === question);
      each.setAttribute("aria-current", String(each === question));
    }
    this.asked = question;
  }

  next() {
    this.mark(this.questions[(this.questions.indexOf(this.asked) + 1) % this.questions.length]);
  }

  // Whether the key is an answer, in which case it was given.
  key(name) {
    const letter = /^[a-z]$/i.test(name) ? name.toUpperCase().charCodeAt(0) - 65 : -1;
    const digit = /^[0-9]$/.test(name) ? (Number(name) + 9) % 10 : -1; // 0 is ten
    const arrow = { ArrowLeft: 0, ArrowRight: 1 }[name] ?? -1;
    const pane = Math.max(letter, digit);
    const found = { opinion: digit, "forced-choice": Math.max(arrow, pane), ranking: pane }[this.kind];
    const choice = found < 0 ? undefined : this.asked.querySelectorAll(".choice")[found];
    if (!choice) return false;
    if (this.kind === "ranking") choice.click();
    else {
      const box = choice.querySelector("input");
      box.checked = true;
      this.#answered(this.asked);
    }
    return true;
  }

  #isAnswered(question) {
    if (this.kind !== "ranking") return question.querySelector("input:checked") !== null;
    return order(question).length === this.panes;
  }

  #answered(question) {
    if (this.#isAnswered(question) && question === this.asked) this.mark(this.open[0] ?? question);
    this.changed();
  }

  #rankable(question) {
    for (const choice of question.querySelectorAll(".choice")) {
      choice.addEventListener("click", () => {
        const pane = Number(choice.dataset.pane);
        const ranks = order(question);
        const changed = ranks.includes(pane) ? ranks.filter((each) => each !== pane) : [...ranks, pane];
        question.querySelector("input").value = changed.join(",");
        this.mark(question);
        show(question);
        this.#answered(question);
      });
    }
    show(question);
  }
}

const order = (question) => question.querySelector("input").value.split(",").filter(Boolean).map(Number);

function show(question) {
  const ranks = order(question);
  const names = [];
  for (const choice of question.querySelectorAll(".choice")) {
    const rank = ranks.indexOf(Number(choice.dataset.pane));
    choice.setAttribute("aria-pressed", String(rank >= 0));
    choice.querySelector("span").textContent = rank < 0 ? "–" : `${rank + 1}.`;
    if (rank >= 0) names[rank] = choice.querySelector("b").textContent;
  }
  const told = names.length ? `Best to worst: ${names.join(", ")}` : "Name the best first.";
  question.querySelector(".order").textContent = told;
}
