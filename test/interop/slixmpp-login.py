"""Logs in with slixmpp, as a user's own program would, and tells what happened, one JSON object a line.

usage: slixmpp-login.py JID HOST PORT AUTHORITY CONTACT   (the password is the first line of stdin)

Lines: {"mechanism": ...} {"roster": N} {"presence": ...} {"refused": condition, "text": ...} or {"failed": reason}.
"""
import asyncio
import json
import ssl
import sys

from slixmpp import ClientXMPP

DEADLINE_SECONDS = 30


def tell(**what):
    print(json.dumps(what), flush=True)


class Login(ClientXMPP):
    def __init__(self, jid, password, authority, contact):
        super().__init__(jid, password, sasl_mech=None)
        self.contact = contact
        self.ca_certs = authority
        self.reflected = asyncio.get_event_loop().create_future()
        self.finished = asyncio.get_event_loop().create_future()
        self.add_event_handler('session_start', self.session_start)
        self.add_event_handler('presence_available', self.on_presence)
        self.add_event_handler('message_error', self.on_refusal)
        for event in ('failed_all_auth', 'ssl_invalid_chain', 'connection_failed'):
            self.add_event_handler(event, lambda reason, event=event: self.fail(f'{event}: {reason}'))

    async def session_start(self, _):
        tell(mechanism=self['feature_mechanisms'].mech.name, tls=self.transport.get_extra_info('ssl_object').version())
        roster = await self.get_roster()
        tell(roster=len(roster['roster']['items']))
        self.send_presence()
        tell(presence=str(await self.reflected))
        self.send_message(mto=self.contact, mbody='in the clear', mtype='chat')

    def on_presence(self, presence):
        if presence['from'] == self.boundjid and not self.reflected.done():
            self.reflected.set_result(presence['from'])

    def on_refusal(self, message):
        tell(refused=message['error']['condition'], type=message['error']['type'], text=message['error']['text'])
        if not self.finished.done():
            self.finished.set_result(None)

    def fail(self, reason):
        if not self.finished.done():
            self.finished.set_exception(RuntimeError(reason))


async def main(jid, host, port, authority, contact):
    client = Login(jid, sys.stdin.readline().rstrip('\n'), authority, contact)
    client.connect((host, int(port)))
    try:
        await asyncio.wait_for(client.finished, DEADLINE_SECONDS)
    except Exception as reason:
        tell(failed=f'{type(reason).__name__}: {reason}')
        sys.exit(1)
    await client.disconnect()


if len(sys.argv) != 6:
    sys.exit(__doc__)
asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
