"""Logs in with slixmpp, as a user's own program would, and tells what happened, one JSON object a line.

usage: slixmpp-login.py JID HOST PORT AUTHORITY CONTACT [MECHANISM]   (the password is the first line of stdin)

Lines: {"mechanism", "tls"}, {"roster": number of items}, {"presence": our full JID as the server reflects it},
{"refused": condition, "type", "text"}; or, with exit code 1, {"failed": reason}.
"""
import asyncio
import json
import sys

from slixmpp import ClientXMPP

DEADLINE_SECONDS = 20
STANZAS = '{urn:ietf:params:xml:ns:xmpp-stanzas}'


def tell(**what):
    print(json.dumps(what), flush=True)


class Login(ClientXMPP):
    def __init__(self, jid, password, authority, contact, mechanism=None):
        super().__init__(jid, password, sasl_mech=mechanism)
        self.ca_certs = authority
        self.contact = contact
        self.reflected = asyncio.get_event_loop().create_future()
        self.finished = asyncio.get_event_loop().create_future()
        self.add_event_handler('session_start', self.on_session)
        self.add_event_handler('presence_available', self.on_presence)
        self.add_event_handler('message_error', self.on_refusal)
        for event in ('failed_all_auth', 'ssl_invalid_chain', 'connection_failed', 'stream_error'):
            self.add_event_handler(event, lambda reason, event=event: self.fail(f'{event}: {reason}'))

    async def on_session(self, _):
        tell(mechanism=self['feature_mechanisms'].mech.name, tls=self.socket.version())
        roster = await self.get_roster()
        tell(roster=len(roster['roster']['items']))
        self.send_presence()
        tell(presence=str(await self.reflected))
        self.send_message(mto=self.contact, mbody='in the clear', mtype='chat')

    def on_presence(self, presence):
        if presence['from'] == self.boundjid and not self.reflected.done():
            self.reflected.set_result(presence['from'])

    def on_refusal(self, message):
        error = message['error']
        # slixmpp knows the conditions of RFC 3920 only, and policy-violation came with RFC 6120.
        names = [child.tag.removeprefix(STANZAS) for child in error.xml if child.tag.startswith(STANZAS)]
        tell(refused=next(name for name in names if name != 'text'), type=error['type'], text=error['text'])
        if not self.finished.done():
            self.finished.set_result(None)

    def fail(self, reason):
        if not self.finished.done():
            self.finished.set_exception(RuntimeError(reason))


async def main(jid, host, port, authority, contact, *mechanism):
    client = Login(jid, sys.stdin.readline().rstrip('\n'), authority, contact, *mechanism)
    client.connect((host, int(port)))
    try:
        await asyncio.wait_for(client.finished, DEADLINE_SECONDS)
    except Exception as reason:
        tell(failed=f'{type(reason).__name__}: {reason}')
        sys.exit(1)
    client.disconnect()
    await client.disconnected


if len(sys.argv) not in (6, 7):
    sys.exit(__doc__)
asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
