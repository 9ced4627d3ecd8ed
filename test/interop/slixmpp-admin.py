"""Administers the server with slixmpp, by its plugins for XEP-0050 and XEP-0133, and tells what happened, one JSON object a line.

usage: slixmpp-admin.py JID HOST PORT AUTHORITY NEW   (the password is the first line of stdin; NEW gets the same)

Makes the account NEW, counts the accounts, asks to delete NEW and goes back, cancels, deletes it for good, and asks for a
command that there is not.

Lines: {"commands": nodes}, {"added": note}, {"registered": number}, {"confirm": instructions}, {"back": fields},
{"canceled": status}, {"deleted": note}, {"refused": condition}; or, with exit code 1, {"failed": reason}.
"""
import asyncio
import json
import sys

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError

DEADLINE_SECONDS = 60
ADMIN = 'http://jabber.org/protocol/admin#'


def tell(**what):
    print(json.dumps(what), flush=True)


class Operator(ClientXMPP):
    def __init__(self, jid, password, authority, new):
        super().__init__(jid, password)
        self.ca_certs = authority
        self.new = new
        self.finished = asyncio.get_event_loop().create_future()
        for plugin in ('xep_0004', 'xep_0030', 'xep_0050', 'xep_0133'):
            self.register_plugin(plugin)
        self.add_event_handler('session_start', self.on_session)
        for event in ('failed_all_auth', 'ssl_invalid_chain', 'connection_failed', 'stream_error'):
            self.add_event_handler(event, lambda reason, event=event: self.fail(f'{event}: {reason}'))

    async def on_session(self, _):
        try:
            await self.administer()
            self.finished.set_result(None)
        except Exception as reason:
            self.fail(f'{type(reason).__name__}: {reason}')

    async def administer(self):
        items = await self['xep_0133'].get_commands()
        tell(commands=[node for _, node, _ in items['disco_items']['items']])
        session, command = await self.begin(self['xep_0133'].add_user)
        command = await self.go_on(session, command, accountjid=self.new, password=self.password, **{'password-verify': self.password})
        tell(added=command['notes'][0][1], status=command['status'])
        _, command = await self.begin(self['xep_0133'].get_registered_users_num)
        tell(registered=command['form'].get_fields()['registeredusersnum']['value'])
        session, command = await self.begin(self['xep_0133'].delete_user)
        command = await self.go_on(session, command, accountjids=[self.new])
        tell(confirm=command['form']['instructions'], actions=sorted(command['actions']))
        command = await self.act(session, 'prev')
        tell(back=[name for name in command['form'].get_fields() if name != 'FORM_TYPE'])
        command = await self.act(session, 'cancel')
        tell(canceled=command['status'])
        session, command = await self.begin(self['xep_0133'].delete_user)
        command = await self.go_on(session, command, accountjids=[self.new])
        command = await self.act(session, 'complete')
        tell(deleted=command['notes'][0][1])
        try:
            await self['xep_0050'].send_command(self.boundjid.host, ADMIN + 'shutdown')
        except IqError as refused:
            tell(refused=refused.condition)

    async def begin(self, start):
        """By the plugin's own workflow; the answer to its first step."""
        answer = asyncio.get_event_loop().create_future()
        session = {
            'next': lambda iq, _: answer.done() or answer.set_result(iq),
            'error': lambda iq, _: answer.done() or answer.set_exception(IqError(iq)),
        }
        start(session=session)
        iq = await answer
        return session, iq['command']

    async def go_on(self, session, command, **values):
        form = command['form']
        filled = self['xep_0004'].make_form(ftype='submit')
        for name, field in form.get_fields().items():
            filled.add_field(var=name, ftype=field['type'], value=values.get(name, field['value']))
        action = 'next' if 'next' in command['actions'] else 'complete'
        return await self.act(session, action, filled)

    async def act(self, session, action, payload=None):
        iq = await self['xep_0050'].send_command(
            session['jid'], session['node'], action=action, payload=payload, sessionid=session['id'])
        return iq['command']

    def fail(self, reason):
        if not self.finished.done():
            self.finished.set_exception(RuntimeError(reason))


async def main(jid, host, port, authority, new):
    client = Operator(jid, sys.stdin.readline().rstrip('\n'), authority, new)
    client.connect((host, int(port)))
    try:
        await asyncio.wait_for(client.finished, DEADLINE_SECONDS)
    except Exception as reason:
        tell(failed=f'{type(reason).__name__}: {reason}')
        sys.exit(1)
    client.disconnect()
    await client.disconnected


if len(sys.argv) != 6:
    sys.exit(__doc__)
asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
