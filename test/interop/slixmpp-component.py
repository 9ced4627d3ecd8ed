"""An external component with slixmpp's ComponentXMPP (XEP-0114), which tells what happens, one JSON object a line.

usage: slixmpp-component.py NAME HOST PORT   (the secret is the first line of stdin; it runs until stdin ends)

Says hello by an OTR query to whoever sends it a message, and answers pings and disco#info, as slixmpp does.

Lines: {"ready": name}, {"heard": body, "from"}, {"refused": condition}; or, with exit code 1, {"failed": reason}.
"""
import asyncio
import json
import sys

from slixmpp.componentxmpp import ComponentXMPP

STANZAS = '{urn:ietf:params:xml:ns:xmpp-stanzas}'


def tell(**what):
    print(json.dumps(what), flush=True)


class Gate(ComponentXMPP):
    def __init__(self, name, secret, host, port):
        super().__init__(name, secret, host, port)
        self.finished = asyncio.get_event_loop().create_future()
        for plugin in ('xep_0030', 'xep_0199'):
            self.register_plugin(plugin)
        self['xep_0030'].add_identity(category='gateway', itype='irc', name='Gate')
        self.add_event_handler('session_start', lambda _: tell(ready=str(self.boundjid)))
        self.add_event_handler('message', self.on_message)
        self.add_event_handler('message_error', self.on_refusal)
        for event in ('connection_failed', 'stream_error'):
            self.add_event_handler(event, lambda reason, event=event: self.fail(f"{event}: {reason}"))

    def on_message(self, message):
        tell(heard=message['body'], **{'from': str(message['from'])})
        self.send_message(mto=message['from'], mfrom=f'friar@{self.boundjid}/cell', mbody='?OTRv23?', mtype='chat')
        self.send_message(mto=message['from'], mfrom=f'friar@{self.boundjid}/cell', mbody='in the clear', mtype='chat')

    def on_refusal(self, message):
        # message['error'] of slixmpp 1.8 looks for the namespace of clients, on this stream, too.
        names = [child.tag.removeprefix(STANZAS) for child in message.xml.iter() if child.tag.startswith(STANZAS)]
        tell(refused=next(name for name in names if name != 'text'))

    def fail(self, reason):
        if not self.finished.done():
            self.finished.set_exception(RuntimeError(reason))


async def main(name, host, port):
    loop = asyncio.get_event_loop()
    gate = Gate(name, sys.stdin.readline().rstrip('\n'), host, int(port))
    gate.connect()
    ended = loop.run_in_executor(None, sys.stdin.read)
    await asyncio.wait([ended, gate.finished], return_when=asyncio.FIRST_COMPLETED)
    if gate.finished.done():
        tell(failed=str(gate.finished.exception()))
        sys.exit(1)
    gate.disconnect()
    await gate.disconnected


if len(sys.argv) != 4:
    sys.exit(__doc__)
asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
