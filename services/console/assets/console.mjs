// What makes the pages nicer where scripts run. Nothing depends on it.

// A form that was refused: its summary is read first.
document.getElementById('trouble')?.focus();

// Copy buttons beside what is copied.
for (const block of document.querySelectorAll('.copy')) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'small';
  const name = block.closest('section')?.querySelector('h2')?.textContent;
  const label = block.matches('pre') && name ? ` the lines for ${name}` : '';
  const say = (text) => {
    button.textContent = text;
    const hidden = document.createElement('span');
    hidden.className = 'unseen';
    hidden.textContent = label;
    button.append(hidden);
  };
  say('Copy');
  button.setAttribute('aria-live', 'polite');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(block.textContent);
      say('Copied');
    } catch {
      getSelection().selectAllChildren(block);
      say('Selected');
    }
    setTimeout(() => say('Copy'), 2000);
  });
  block.after(button);
}

// A form is sent once, however often its button is pressed.
document.addEventListener('submit', (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = 'yes';
});
addEventListener('pageshow', () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// What goes on is shown going on.
const follow = async () => {
  const shown = document.querySelector('[data-again]');
  if (!shown) return;
  await new Promise((resolve) => setTimeout(resolve, Number(shown.dataset.again)));
  const answer = await fetch(location.href).catch(() => undefined);
  if (answer?.ok && !answer.redirected) {
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = page.getElementById(shown.id);
    if (fresh) shown.replaceWith(document.adoptNode(fresh));
  }
  follow();
};
follow();
