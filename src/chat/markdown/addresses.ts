/** Addresses in running text, as linkify-it finds them, and e-mail addresses without a blank beside Chinese, Japanese and Korean. */
import { LinkifyIt, REBuilder } from 'linkify-it';

/** Letters and signs of these scripts: general and full-width punctuation, kana, Bopomofo, Hangul, Han. */
const CJK =
  '[\\u2010-\\u2027\\u3000-\\u318f\\u31a0-\\u31bf\\u31f0-\\u31ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uac00-\\ud7af\\uf900-\\ufaff\\uff00-\\uffef]';

class MailBesideCjk extends REBuilder {
  /** `連絡先：info@example.org` */
  override get_mail_name_validator(): RegExp {
    const usual = `^|${this.get_text_separators().source}|"|\\(|${this.src_ZCc}`;
    return (this.cache['mail_name_validator'] ??= new RegExp(`(?:${usual}|${CJK})(${this.get_mail_name().source})$`));
  }

  /** `info@example.orgまで`: a last part in Latin letters ends before those scripts; others end as they always do. */
  override get_fuzzy_mail_host(): RegExp {
    const usual = super.get_fuzzy_mail_host().source;
    const domain = this.get_domain().source;
    return (this.cache['mail_host_beside_cjk'] ??= new RegExp(
      `(?:(?:(?:${domain})\\.){1,4}[a-z]{2,63}(?=${CJK})|${usual})`,
    ));
  }
}

export const findAddresses = (): LinkifyIt =>
  new LinkifyIt({ rebuilder: new MailBesideCjk() }).add('ftp:', null).add('//', null);
