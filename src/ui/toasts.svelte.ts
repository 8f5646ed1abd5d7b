const SHOWN_MS = 5_000;
/** Long enough to read, decide and reach the button. */
const SHOWN_WITH_ACTION_MS = 10_000;

export interface Toast {
  id: number;
  text: string;
  tone: 'plain' | 'error';
  action?: { label: string; run: () => void };
}

/** Short messages at the foot of the page. */
export class Toasts {
  #items = $state.raw<Toast[]>([]);
  #count = 0;

  get items(): readonly Toast[] {
    return this.#items;
  }

  show(text: string, options: Partial<Pick<Toast, 'tone' | 'action'>> = {}): void {
    const toast: Toast = { id: ++this.#count, text, tone: 'plain', ...options };
    this.#items = [...this.#items.slice(-2), toast];
    setTimeout(() => this.dismiss(toast.id), toast.action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
  }

  dismiss(id: number): void {
    this.#items = this.#items.filter((toast) => toast.id !== id);
  }
}
