"""Gets an account with slixmpp and logs in to it on the same stream, and tells what happened, one JSON object a line.

usage: slixmpp-register.py JID HOST PORT AUTHORITY [TOKEN]   (the password is the first line of stdin)

With a TOKEN it redeems an invitation (XEP-0445, which slixmpp has no plugin for), by the fields of XEP-0077. Without, it
fills in the form of XEP-0158: it tells {"question", "picture": its bytes, "media": its address} and reads the answer from
the next line of stdin; if that is refused it asks for another form, and for another answer.

Lines: {"form": types of fields by name}, {"refused": condition}, {"registered": true}, {"mechanism"},
{"presence": our full JID}; or, with exit code 1, {"failed": reason}.
"""
import asyncio
import json
import sys

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError
from slixmpp.stanza import StreamFeatures
from slixmpp.xmlstream import ElementBase, register_stanza_plugin

DEADLINE_SECONDS = 120


def tell(**what):
    print(json.dumps(what), flush=True)


async def line():
    text = await asyncio.get_event_loop().run_in_executor(None, sys.stdin.readline)
    return text.rstrip('\n')


class Tokens(ElementBase):
    name = 'register'
    namespace = 'urn:xmpp:ibr-token:0'
    plugin_attrib = 'ibr_token'
    interfaces = set()


class Preauth(ElementBase):
    name = 'preauth'
    namespace = 'urn:xmpp:pars:0'
    plugin_attrib = 'preauth'
    interfaces = {'token'}


class Applicant(ClientXMPP):
    def __init__(self, jid, password, authority, token=None):
        super().__init__(jid, password)
        self.ca_certs = authority
        # Else slixmpp 1.8 holds every IQ back until a session is there, its own plugin's for registration, too.
        self._always_send_everything = True
        self.token = token
        self.finished = asyncio.get_event_loop().create_future()
        for plugin in ('xep_0004', 'xep_0077', 'xep_0221', 'xep_0231'):
            self.register_plugin(plugin)
        register_stanza_plugin(StreamFeatures, Tokens)
        # Before registration, which has 50.
        self.register_feature('ibr_token', self.show_token, restart=False, order=40)
        self.add_event_handler('register', self.on_form)
        self.add_event_handler('session_start', self.on_session)
        self.add_event_handler('presence_available', self.on_presence)
        for event in ('failed_all_auth', 'ssl_invalid_chain', 'connection_failed', 'stream_error'):
            self.add_event_handler(event, lambda reason, event=event: self.fail(f'{event}: {reason}'))

    async def show_token(self, _):
        if self.token is None or 'mechanisms' in self.features:
            return False
        iq = self.make_iq_set(ito=self.boundjid.host)
        preauth = Preauth()
        preauth['token'] = self.token
        iq.append(preauth)
        try:
            await iq.send()
        except IqError as refused:
            self.fail(f'the token: {refused.condition}')
        return True

    async def on_form(self, iq):
        try:
            while not await (self.fill_in(iq) if self.token is None else self.register(iq)):
                iq = await self['xep_0077'].get_registration()
            tell(registered=True)
        except Exception as reason:
            self.fail(f'{type(reason).__name__}: {reason}')

    async def register(self, iq):
        if iq['register']['fields'] != {'username', 'password'}:
            raise RuntimeError(f"other fields: {iq['register']['fields']}")
        answer = self.make_iq_set()
        answer['register']['username'] = self.boundjid.user
        answer['register']['password'] = self.password
        return await self.sent(answer)

    async def fill_in(self, iq):
        form = iq['register']['form']
        fields = form.get_fields()
        tell(form={name: field['type'] for name, field in fields.items()})
        uri = next(child.text for child in fields['ocr'].xml.iter('{urn:xmpp:media-element}uri'))
        picture = await self['xep_0231'].get_bob(self.boundjid.host, uri.removeprefix('cid:'), cached=False)
        tell(question=fields['qa']['label'], picture=len(picture['bob']['data']), media=uri)
        answer = self['xep_0004'].make_form(ftype='submit')
        for name, field in fields.items():
            if field['type'] == 'hidden':
                answer.add_field(var=name, ftype='hidden', value=field['value'])
        answer.add_field(var='username', value=self.boundjid.user)
        answer.add_field(var='password', value=self.password)
        answer.add_field(var='qa', value=await line())
        iq = self.make_iq_set()
        iq['register'].append(answer)
        return await self.sent(iq)

    async def sent(self, iq):
        try:
            await iq.send()
            return True
        except IqError as refused:
            tell(refused=refused.condition)
            return False

    async def on_session(self, _):
        tell(mechanism=self['feature_mechanisms'].mech.name)
        self.send_presence()

    def on_presence(self, presence):
        if presence['from'] == self.boundjid and not self.finished.done():
            tell(presence=str(presence['from']))
            self.finished.set_result(None)

    def fail(self, reason):
        if not self.finished.done():
            self.finished.set_exception(RuntimeError(reason))


async def main(jid, host, port, authority, *token):
    client = Applicant(jid, sys.stdin.readline().rstrip('\n'), authority, *token)
    client.connect((host, int(port)))
    try:
        await asyncio.wait_for(client.finished, DEADLINE_SECONDS)
    except Exception as reason:
        tell(failed=f'{type(reason).__name__}: {reason}')
        sys.exit(1)
    client.disconnect()
    await client.disconnected


if len(sys.argv) not in (5, 6):
    sys.exit(__doc__)
asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
