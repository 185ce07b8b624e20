// Enter goes on from a page of text, wherever the focus is.

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.repeat || event.target.closest("a, button, summary, input")) return;
  document.querySelector("a[autofocus]").click();
});
