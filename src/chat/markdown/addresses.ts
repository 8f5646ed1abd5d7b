/** Addresses in running text, as linkify-it finds them; Chinese, Japanese and Korean beside them need no blank. */
import { LinkifyIt, REBuilder, type Match } from 'linkify-it';

/** Letters and signs of these scripts: general and full-width punctuation, kana, Bopomofo, Hangul, Han. */
const CJK =
  '[\\u2010-\\u2027\\u3000-\\u318f\\u31a0-\\u31bf\\u31f0-\\u31ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uac00-\\ud7af\\uf900-\\ufaff\\uff00-\\uffef]';

/** The end of a host in Latin letters, unless these scripts are a part of the host: `www.abc日本.jp`. */
const BEFORE_CJK = `(?=${CJK})(?![^\\s/.]{0,63}\\.[a-z\\d])`;

class BesideCjk extends REBuilder {
  /** `連絡先：info@example.org` */
  override get_mail_name_validator(): RegExp {
    const usual = `^|${this.get_text_separators().source}|"|\\(|${this.src_ZCc}`;
    return (this.cache['mail_name_validator'] ??= new RegExp(`(?:${usual}|${CJK})(${this.get_mail_name().source})$`));
  }

  /** `info@example.orgまで`: a last part in Latin letters ends before those scripts; others end as they always do. */
  override get_fuzzy_mail_host(): RegExp {
    const usual = super.get_fuzzy_mail_host().source;
    return (this.cache['mail_host_beside_cjk'] ??= new RegExp(
      `(?:(?:(?:${this.get_domain().source})\\.){1,4}[a-z]{2,63}${BEFORE_CJK}|${usual})`,
    ));
  }

  /** `https://example.orgです`, `http://localhost:8080へ` */
  override get_url_host_port(): RegExp {
    const usual = super.get_url_host_port().source;
    const latin = `(?:(?:(?:${this.get_domain().source})\\.){1,10}[a-z]{2,63}|localhost|${this.get_ipv4_addr().source})`;
    return (this.cache['url_host_beside_cjk'] ??= new RegExp(
      `(?:${latin}${this.get_port().source}${BEFORE_CJK}|${usual})`,
    ));
  }

  /** What follows `www.`. */
  get_www_validator(): RegExp {
    const address = this.get_url_host_port().source + this.get_path().source;
    return (this.cache['www_validator'] ??= new RegExp(address, 'iy'));
  }

  /** `user:password@`: not text in other scripts up to the next e-mail address. */
  override get_auth(): RegExp {
    return /(?:[\w.~%!$&'+;=:-]{1,100}@)?/;
  }
}

class Addresses extends LinkifyIt {
  /** Marks of emphasis behind an address are not a part of it, as on GitHub. */
  override matchAtStart(text: string): Match | null {
    const match = super.matchAtStart(text);
    if (match) match.url = match.url.replace(MARKS_BEHIND, '');
    return match;
  }
}

const MARKS_BEHIND = new RegExp(`(?:\\*+|~~)${CJK}.*$|[*_~]+$`);

export function findAddresses(): LinkifyIt {
  const rules = new BesideCjk();
  // As on GitHub. Other names without a scheme may be files: `main.rs`, `README.md`.
  const www = {
    validate(text: string, position: number): number {
      const address = rules.get_www_validator();
      address.lastIndex = position;
      return address.exec(text)?.[0].length ?? 0;
    },
    normalize(match: Match): void {
      match.url = `http://${match.url}`;
    },
  };
  return new Addresses({ urlAuth: true, rebuilder: rules }).add('ftp:', null).add('//', null).add('www.', www);
}
