import { Face } from '../pep/face.ts'
import type { Extension } from '../routing/extension.ts'

/**
 * XEP-0398: one avatar, whichever way a client speaks of it; see pep/face.ts. What is published (XEP-0084) is the photo of
 * the vCard (src/xep/0054-vcard.ts), and its hash stands in presence (XEP-0153). Section numbers are those of version 1.0.0.
 */
export const avatarConversion: Extension = {
  name: 'avatar-conversion',
  implements: [
    { xep: 398, title: 'User Avatar to vCard-Based Avatars Conversion', version: '1.0.0', since: '0.1.0', status: 'complete', note: 'in both directions' },
    { xep: 84, title: 'User Avatar', version: '1.1.4', since: '0.1.0', status: 'complete', note: 'PNG, JPEG, GIF or WebP that lie here; addresses of images elsewhere are left out' },
    { xep: 153, title: 'vCard-Based Avatars', version: '1.1.1', since: '0.1.0', status: 'complete' },
  ],
  features: { account: ['urn:xmpp:pep-vcard-conversion:0'] },
  clauses: [
    { clause: 'XEP-0398 §2', text: 'the account has the feature' },
    { clause: 'XEP-0398 §3.1', text: 'what is published becomes the photo' },
    { clause: 'XEP-0398 §3.2', text: 'the photo is published, data first' },
    { clause: 'XEP-0398 §4', text: 'the hash goes into presence, broadcast and directed' },
    { clause: 'XEP-0084 §3.1', text: 'the id of the data is their hash' },
    { clause: 'XEP-0084 §3.5', text: 'empty metadata: no avatar any more' },
    { clause: 'XEP-0084 §4.1', text: 'data are base64, line feeds or not' },
  ],

  install(host) {
    const face = host.shared(Face)
    return { outgoing: [{ kinds: ['presence'], judge: (envelope) => envelope.type === '' ? face.judge(envelope) : undefined }] }
  },
}
