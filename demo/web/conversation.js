/** Who said what. A line grows while its speaker goes on. */

const MAX_LINES = 300;

export class Conversation {
  #list;
  #open;

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  clear() {
    this.#list.replaceChildren();
    this.#open = undefined;
  }

  /** @param {string} text */
  callerSays(text) {
    this.#line('caller', 'You').append(text);
    this.#open = undefined;
    this.#follow();
  }

  /** @param {string} word one that came out of the earpiece */
  companionHeard(word) {
    const line = this.#open ?? this.#line('companion', 'Companion');
    this.#open = line;
    line.append(`${word} `);
    this.#follow();
  }

  /** @param {readonly string[]} words that were to come and were cut off */
  companionCut(words) {
    const line = this.#open ?? this.#line('companion', 'Companion');
    const cut = document.createElement('del');
    cut.textContent = words.join(' ');
    line.append(cut);
    this.#open = undefined;
    this.note('interrupted');
  }

  /** @param {string} text */
  note(text) {
    this.#item('note', `«${text}»`);
  }

  /** @param {string} text */
  alert(text) {
    this.#item('alert', `⚠ ${text}`);
  }

  #item(kind, text) {
    const item = document.createElement('li');
    item.className = kind;
    item.textContent = text;
    this.#add(item);
    this.#open = undefined;
  }

  #line(who, name) {
    const item = document.createElement('li');
    item.className = who;
    const label = document.createElement('span');
    label.className = 'who';
    label.textContent = name;
    const words = document.createElement('span');
    item.append(label, words);
    this.#add(item);
    return words;
  }

  #add(item) {
    this.#list.append(item);
    while (this.#list.children.length > MAX_LINES) this.#list.firstElementChild.remove();
    this.#follow();
  }

  #follow() {
    this.#list.scrollTop = this.#list.scrollHeight;
  }
}
