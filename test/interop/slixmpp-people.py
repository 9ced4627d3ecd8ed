"""Two people show each other their faces with slixmpp, as users' own programs would; tells what each sees, one JSON object a line.

usage: slixmpp-people.py PUBLISHER CONTACT HOST PORT AUTHORITY   (the first two lines of stdin are their passwords)

Lines, in this order: {"account": identities and PEP features of the account}, {"metadata": what the contact is told of the new
avatar}, {"avatar": SHA-1 of the image that the contact fetches}, {"vcard": what the contact sees of it}, {"own": what its owner
sees}, {"hash": the hash in the publisher's presence}, {"later": what another client of the contact is told as it logs in},
{"tune": how publishing a tune is refused}, {"bookmarks": what comes back of private data, "contact": how the contact is refused
them}, {"private": what comes back of XEP-0049}, {"blocked": whom the publisher has blocked, "asked": how asking that contact is
refused it, "told": how the contact's message is refused}, {"unblocked": whom it has still blocked}; or, with exit code 1,
{"failed": reason}. Between the last two lines the contact has seen it leave and come back.
"""
import asyncio
import hashlib
import json
import sys

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError
from slixmpp.plugins.xep_0048.stanza import Bookmarks
from slixmpp.plugins.xep_0118.stanza import UserTune
from slixmpp.xmlstream import ET

DEADLINE_SECONDS = 40
IMAGE = bytes.fromhex('89504e470d0a1a0a') + b'the face of Juliet'
ID = hashlib.sha1(IMAGE).hexdigest()
BOOKMARKS = 'storage:bookmarks'


def tell(**what):
    print(json.dumps(what), flush=True)


class Person(ClientXMPP):
    def __init__(self, jid, password, authority):
        super().__init__(jid, password)
        self.ca_certs = authority
        for plugin in ('xep_0030', 'xep_0049', 'xep_0054', 'xep_0060', 'xep_0084', 'xep_0115', 'xep_0163', 'xep_0191', 'xep_0199', 'xep_0223'):
            self.register_plugin(plugin)
        self.started = asyncio.get_event_loop().create_future()
        self.metadata = asyncio.Queue()
        self.presences = asyncio.Queue()
        self.departures = asyncio.Queue()
        self.refusals = asyncio.Queue()
        self.add_event_handler('session_start', self.on_session)
        self.add_event_handler('avatar_metadata_publish', lambda message: self.metadata.put_nowait(message))
        self.add_event_handler('presence_available', lambda presence: self.presences.put_nowait(presence))
        self.add_event_handler('presence_unavailable', lambda presence: self.departures.put_nowait(presence['from'].bare))
        self.add_event_handler('message_error', lambda message: self.refusals.put_nowait(message['error']['condition']))

    async def on_session(self, _):
        await self.get_roster()
        # Its capabilities say that it wants to hear of avatars.
        await self['xep_0115'].update_caps()
        self.send_presence()
        if not self.started.done():
            self.started.set_result(None)

    async def presence_of(self, bare, is_the_one=lambda presence: True):
        while True:
            presence = await self.presences.get()
            if presence['from'].bare == bare and is_the_one(presence):
                return presence


def described(message):
    info = message['pubsub_event']['items']['item']['avatar_metadata']['items'][0]
    return {'from': str(message['from']), 'id': info['id'], 'type': info['type'], 'bytes': info['bytes']}


def photo_hash(presence):
    found = presence.xml.find('{vcard-temp:x:update}x/{vcard-temp:x:update}photo')
    return None if found is None else found.text


async def refusal(request):
    try:
        await request
        return None
    except IqError as error:
        return error.condition


async def logged_in(person, host, port):
    person.connect((host, int(port)))
    await person.started
    return person


async def show(publisher, contact, host, port, authority):
    passwords = [sys.stdin.readline().rstrip('\n') for _ in range(2)]
    juliet = await logged_in(Person(publisher, passwords[0], authority), host, port)
    romeo = await logged_in(Person(contact, passwords[1], authority), host, port)
    # Each accepts what the other asks, and asks in turn: what slixmpp does by itself.
    romeo.send_presence_subscription(pto=publisher)
    await romeo.presence_of(publisher)
    await juliet.presence_of(contact)

    info = await juliet['xep_0030'].get_info(jid=publisher)
    features = [each for each in info['disco_info']['features'] if '#publish' in each]
    tell(account=sorted(f'{category}/{kind}' for category, kind, *_ in info['disco_info']['identities']), features=sorted(features))

    await juliet['xep_0084'].publish_avatar(IMAGE)
    await juliet['xep_0084'].publish_avatar_metadata({'id': ID, 'type': 'image/png', 'bytes': len(IMAGE)})
    metadata = described(await romeo.metadata.get())
    tell(metadata=metadata)
    answer = await romeo['xep_0084'].retrieve_avatar(publisher, metadata['id'])
    tell(avatar=hashlib.sha1(answer['pubsub']['items']['item']['avatar_data']['value']).hexdigest())

    card = juliet['xep_0054'].make_vcard()
    card['FN'] = 'Juliet Capulet'
    card['NICKNAME'] = 'Jule'
    card['PHOTO']['TYPE'] = 'image/png'
    card['PHOTO']['BINVAL'] = IMAGE
    await juliet['xep_0054'].publish_vcard(card)
    for who, person in (('vcard', romeo), ('own', juliet)):
        seen = (await person['xep_0054'].get_vcard(jid=publisher, cached=False, local=False))['vcard_temp']
        tell(**{who: {'name': seen['FN'], 'nickname': seen['NICKNAME'], 'photo': hashlib.sha1(seen['PHOTO']['BINVAL']).hexdigest()}})

    shown = await romeo.presence_of(publisher, lambda presence: photo_hash(presence) is not None)
    tell(hash=photo_hash(shown))
    later = await logged_in(Person(contact, passwords[1], authority), host, port)
    tell(later=described(await later.metadata.get()))

    tune = UserTune()
    tune['title'] = 'words'
    tell(tune=await refusal(juliet['xep_0163'].publish(tune)))
    bookmarks = Bookmarks()
    bookmarks.add_conference('orchard@rooms.example', 'Juliet', name='words')
    await juliet['xep_0223'].store(bookmarks, node=BOOKMARKS, id='current')
    stored = await juliet['xep_0223'].retrieve(BOOKMARKS)
    names = [each.get('name') for each in stored.xml.iter(f'{{{BOOKMARKS}}}conference')]
    tell(bookmarks=names, contact=await refusal(romeo['xep_0060'].get_items(publisher, BOOKMARKS)))
    asked = juliet.make_iq_get(ito=None)
    asked.xml.append(ET.fromstring(f"<query xmlns='jabber:iq:private'><storage xmlns='{BOOKMARKS}'/></query>"))
    tell(private=[each.get('name') for each in (await asked.send()).xml.iter(f'{{{BOOKMARKS}}}conference')])
    later.disconnect()
    await later.disconnected
    await block(juliet, romeo)
    return [juliet, romeo]


async def block(juliet, romeo):
    publisher, contact = juliet.boundjid.bare, romeo.boundjid.bare
    while not romeo.presences.empty():
        romeo.presences.get_nowait()
    await juliet['xep_0191'].block(contact)
    while await romeo.departures.get() != publisher:
        pass
    romeo.send_message(mto=publisher, mbody='?OTRv3?', mtype='chat')
    tell(blocked=await blocked_by(juliet), asked=await refusal(juliet['xep_0199'].send_ping(romeo.boundjid)),
         told=await romeo.refusals.get())
    await juliet['xep_0191'].unblock(contact)
    await romeo.presence_of(publisher)
    tell(unblocked=await blocked_by(juliet))


async def blocked_by(person):
    return sorted(str(jid) for jid in (await person['xep_0191'].get_blocked())['blocklist']['items'])


async def main(*line):
    try:
        people = await asyncio.wait_for(show(*line), DEADLINE_SECONDS)
    except Exception as reason:
        tell(failed=f'{type(reason).__name__}: {reason}')
        sys.exit(1)
    for person in people:
        person.disconnect()
        await person.disconnected


if len(sys.argv) != 6:
    sys.exit(__doc__)
asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
