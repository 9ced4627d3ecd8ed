/**
 * For `node -e` inside a container: logs in by STARTTLS and PLAIN, and prints the outcome and the group of the key
 * exchange. Its arguments: a port or a socket that tor alone connects to, the domain, the name, the password, and the
 * groups that the client knows, the first of which it sends a key for.
 */
export const LOGIN = `
  const [door, domain, name, password, ecdhCurve] = process.argv.slice(1)
  const net = require('net'), tls = require('tls')
  const opening = "<stream:stream to='" + domain + "' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
  let text = '', changed = () => {}
  const hear = (socket) => socket.on('data', (chunk) => { text += chunk; changed() }).on('close', () => { console.log('closed', text); process.exit(1) })
  const told = async (pattern) => {
    while (!pattern.test(text)) await new Promise((resolve) => { changed = resolve })
    const [found] = pattern.exec(text)
    text = ''
    return found
  }
  const plain = hear(door.startsWith('/') ? net.connect(door) : net.connect(Number(door), '127.0.0.1'))
  ;(async () => {
    plain.on('error', () => {})
    if (door.startsWith('/')) plain.write('PROXY TCP6 fc00:dead:beef:4dad::0:7 ::1 7 5222\\r\\n')
    plain.write(opening)
    await told(/<\\/stream:features>/)
    plain.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await told(/<proceed/)
    plain.removeAllListeners('data')
    const secure = hear(tls.connect({ socket: plain, servername: domain, rejectUnauthorized: false, ecdhCurve }))
    secure.on('error', (error) => console.log(error.code))
    await new Promise((resolve) => secure.once('secureConnect', resolve))
    const { name: group } = secure.getEphemeralKeyInfo()
    secure.write(opening)
    await told(/<\\/stream:features>/)
    const response = Buffer.from('\\0' + name + '\\0' + password).toString('base64')
    secure.write("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + response + '</auth>')
    console.log((await told(/<(success|failure)/)).slice(1), group)
    process.exit()
  })()`
