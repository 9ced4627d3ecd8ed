/**
 * Which names may be had: pure, and of ASCII alone, as names of accounts are.
 */

/** As Accounts has it, in either case: whoever writes a capital gets a small letter. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/i

/** The localpart that somebody means who asks for that name; undefined where no account can be called so. */
export function accountName(text: string): string | undefined {
  // Before it is made small: there are letters outside of ASCII whose small ones are in it (U+212A is one, for k).
  return NAME.test(text) ? text.toLowerCase() : undefined
}

/**
 * What a name looks like at a glance: two names with one skeleton can be taken for each other. Made of letters that
 * stand for whole families, so it is no name.
 */
export function skeleton(name: string): string {
  let shape = name.replace(/[._-]/g, '')
  for (const [sign, family] of FAMILIES) shape = shape.replaceAll(sign, family)
  return shape === '' ? name : shape
}

/** In this order: `cl` is seen before its `l` becomes an `i`, and pairs before the letters that they look like. */
const FAMILIES: readonly (readonly [string, string])[] = [
  ['rn', 'm'], ['nn', 'm'], ['vv', 'w'], ['cl', 'd'], ['cj', 'g'],
  ['0', 'o'], ['1', 'i'], ['l', 'i'], ['j', 'i'], ['2', 'z'], ['3', 'e'], ['4', 'a'], ['5', 's'], ['6', 'b'], ['8', 'b'], ['9', 'g'], ['7', 't'],
  ['q', 'g'],
]

/** Does it look like a name that is kept back, here or by the operator (`more`)? */
export function isReserved(name: string, more: Iterable<string> = []): boolean {
  const shape = skeleton(name)
  return RESERVED.has(shape) || [...more].some((one) => skeleton(one) === shape)
}

/**
 * Names by which people, programs and other operators take an account for the one that runs the server: the mailboxes of
 * RFC 2142, the accounts of Unix and of mail, and what XMPP servers and their clients call their own.
 */
export const RESERVED_NAMES: readonly string[] = [
  // RFC 2142 §3 to §6
  'info', 'marketing', 'sales', 'support', 'abuse', 'noc', 'security', 'postmaster', 'hostmaster', 'usenet', 'news', 'webmaster', 'www', 'uucp',
  'ftp', 'list', 'list-request', 'owner',
  // who runs it
  'admin', 'administrator', 'administration', 'administrators', 'admins', 'root', 'sysadmin', 'sysop', 'operator', 'operators', 'ops', 'staff',
  'team', 'mod', 'moderator', 'moderators', 'owner', 'owners', 'superuser', 'su', 'sudo', 'system', 'server', 'service', 'services',
  'official', 'management', 'help', 'helpdesk', 'hilfe', 'contact', 'kontakt', 'feedback', 'legal', 'privacy', 'police', 'report', 'reports',
  'trust', 'safety', 'cert', 'csirt', 'psirt', 'billing', 'payment', 'payments', 'donate', 'donations', 'bank',
  // accounts of systems and of mail
  'daemon', 'nobody', 'anonymous', 'anybody', 'everybody', 'everyone', 'guest', 'user', 'users', 'test', 'demo', 'bin', 'sys', 'mail',
  'mailer-daemon', 'mailerdaemon', 'noreply', 'no-reply', 'donotreply', 'bounce', 'bounces', 'spam', 'ssladmin', 'ssladministrator', 'sslwebmaster',
  'is', 'it', 'dns', 'http', 'https', 'ssh', 'tls', 'ssl', 'localhost', 'local', 'null', 'undefined', 'void', 'none', 'default',
  // of XMPP, of this server, and of what runs beside it
  'xmpp', 'jabber', 'chat', 'im', 'muc', 'conference', 'rooms', 'room', 'pubsub', 'proxy', 'proxy65', 'upload', 'echo', 'bot', 'gateway', 'transport',
  'announce', 'announcement', 'announcements', 'motd', 'notice', 'notices', 'broadcast', 'register', 'registration', 'signup', 'login', 'account',
  'accounts', 'invite', 'invites', 'invitation', 'password', 'passwords', 'captcha', 'verify', 'verification', 'sotto', 'tor', 'onion', 'otr',
  'backup', 'backups', 'status', 'monitor', 'monitoring', 'metrics', 'api', 'web', 'wiki', 'blog', 'me', 'you', 'self',
]

const RESERVED: ReadonlySet<string> = new Set(RESERVED_NAMES.map(skeleton))
