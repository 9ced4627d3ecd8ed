"""Loses its connection and resumes its session with slixmpp (XEP-0198), and tells what happened, one JSON object a line.

usage: slixmpp-resume.py JID HOST PORT AUTHORITY   (the password is the first line of stdin)

Lines: {"bound": our full JID, "id": whether the session has one}, {"cut": true}; it comes back when stdin has another
line. Then {"resumed": whether it was}, and {"message": id} for each that comes, until one has the id "last";
or, with exit code 1, {"failed": reason}.
"""
import asyncio
import json
import sys

from slixmpp import ClientXMPP

DEADLINE_SECONDS = 30


def tell(**what):
    print(json.dumps(what), flush=True)


class Resuming(ClientXMPP):
    def __init__(self, jid, password, authority, address):
        super().__init__(jid, password)
        self.ca_certs = authority
        self.address = address
        self.finished = asyncio.get_event_loop().create_future()
        self.register_plugin('xep_0198')
        self.add_event_handler('session_start', self.on_session)
        self.add_event_handler('session_resumed', lambda _: tell(resumed=True))
        self.add_event_handler('sm_failed', lambda _: self.fail('not resumed'))
        self.add_event_handler('message', self.on_message)
        for event in ('failed_all_auth', 'ssl_invalid_chain', 'connection_failed', 'stream_error'):
            self.add_event_handler(event, lambda reason, event=event: self.fail(f'{event}: {reason}'))

    async def on_session(self, _):
        self.send_presence()
        await self.wait_until('presence_available')
        tell(bound=str(self.boundjid), id=bool(self['xep_0198'].sm_id))
        self.add_event_handler('disconnected', self.on_cut, disposable=True)
        self.transport.abort()

    async def on_cut(self, _):
        tell(cut=True)
        await asyncio.get_event_loop().run_in_executor(None, sys.stdin.readline)
        self.connect(self.address)

    def on_message(self, message):
        tell(message=message['id'])
        if message['id'] == 'last' and not self.finished.done():
            self.finished.set_result(None)

    def fail(self, reason):
        if not self.finished.done():
            self.finished.set_exception(RuntimeError(reason))


async def main(jid, host, port, authority):
    client = Resuming(jid, sys.stdin.readline().rstrip('\n'), authority, (host, int(port)))
    client.connect(client.address)
    try:
        await asyncio.wait_for(client.finished, DEADLINE_SECONDS)
    except Exception as reason:
        tell(failed=f'{type(reason).__name__}: {reason}')
        sys.exit(1)
    client.disconnect()
    await client.disconnected


if len(sys.argv) != 5:
    sys.exit(__doc__)
asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
