"""Reads and uses the windows of one X display as assistive technology does (AT-SPI), for a test.

    desktop.py        one command in JSON a line on stdin, one answer in JSON a line on stdout

The session bus and the display are those of the environment. Commands, and what they answer:

    {"do": "read"}                                        what is showing: [{window, role, name, text, more, box}, ...]
    {"do": "press", "window", "role", "name"}             whether there was such a button or menu item
    {"do": "write", "window", "name", "text"}             whether there was such a field (it is named by its label)
    {"do": "point", "x", "y", "press"}                    true; the pointer lies there, and its button is pressed so often
    {"do": "type", "text"}                                true; keys go to the window under the pointer, \n is Return
    {"do": "call", "service", "path", "interface", "method", "arguments"}    what the method of that service returns

It ends at the end of stdin. Of the libraries it needs python3-dbus alone.
"""
import json
import sys

import dbus.bus

PROPERTIES = 'org.freedesktop.DBus.Properties'
ACCESSIBLE = 'org.a11y.atspi.Accessible'
REGISTRY = 'org.a11y.atspi.Registry'
CONTROLLER = (REGISTRY, '/org/a11y/atspi/registry/deviceeventcontroller')
INPUT = 'org.a11y.atspi.DeviceEventController'
KEY_SYMBOL = 3  # ATSPI_KEY_SYM; those of Latin-1 are its code points (X11/keysymdef.h)
RETURN = 0xff0d
SHOWING = 1 << 25  # bit ATSPI_STATE_SHOWING of the first word
FROM_THE_SCREEN = dbus.UInt32(0)
INVISIBLE_UNTIL_OPENED = ('menu item', 'check menu item', 'radio menu item')
# What a program tears down while it is read: the next reading does not have it.
GONE = dbus.DBusException


class Desktop:
    def __init__(self):
        self.session = dbus.bus.BusConnection(dbus.bus.BusConnection.TYPE_SESSION)
        address = self.session.call_blocking('org.a11y.Bus', '/org/a11y/bus', 'org.a11y.Bus', 'GetAddress', '', ())
        self.bus = dbus.bus.BusConnection(str(address))

    def read(self):
        return [self.describe(*found) for found in self.all() if self.shows(found[1])]

    def press(self, window, role, name):
        for title, item in self.all():
            if title != window or self.role(item) != role or self.name(item).strip() != name:
                continue
            if role in INVISIBLE_UNTIL_OPENED or self.shows(item):
                return bool(self.call(item, 'org.a11y.atspi.Action', 'DoAction', 'i', 0))
        return False

    def write(self, window, name, text):
        for title, item in self.all():
            if title == window and self.role(item) == 'text' and self.name(item) == name and self.shows(item):
                return bool(self.call(item, 'org.a11y.atspi.EditableText', 'SetTextContents', 's', text))
        return False

    def point(self, x, y, press):
        self.call(CONTROLLER, INPUT, 'GenerateMouseEvent', 'iis', x, y, ('abs', 'b1c', 'b1d')[press])
        return True

    def type(self, text):
        for letter in text:
            symbol = RETURN if letter == '\n' else ord(letter)
            self.call(CONTROLLER, INPUT, 'GenerateKeyboardEvent', 'isu', symbol, '', dbus.UInt32(KEY_SYMBOL))
        return True

    def call_service(self, service, path, interface, method, arguments):
        program = self.session.get_object(service, path, introspect=False)
        return program.get_dbus_method(method, interface)(*arguments)

    def all(self):
        """Every item of every window, with the window's title, from the top."""
        for program in self.children((REGISTRY, '/org/a11y/atspi/accessible/root')):
            for window in self.children(program):
                try:
                    title = self.name(window)
                except GONE:
                    continue
                yield from ((title, item) for item in self.under(window))

    def under(self, item):
        yield item
        for child in self.children(item):
            yield from self.under(child)

    def describe(self, title, item):
        role = self.role(item)
        words = 'org.a11y.atspi.Text' in self.call(item, ACCESSIBLE, 'GetInterfaces')
        text = self.call(item, 'org.a11y.atspi.Text', 'GetText', 'ii', 0, -1) if words else ''
        box = self.call(item, 'org.a11y.atspi.Component', 'GetExtents', 'u', FROM_THE_SCREEN)
        more = str(self.call(item, PROPERTIES, 'Get', 'ss', ACCESSIBLE, 'Description'))
        box = [int(n) for n in box]
        return {'window': title, 'role': role, 'name': self.name(item), 'text': str(text), 'more': more, 'box': box}

    def children(self, item):
        try:
            return self.call(item, ACCESSIBLE, 'GetChildren')
        except GONE:
            return []

    def role(self, item):
        return str(self.call(item, ACCESSIBLE, 'GetRoleName'))

    def name(self, item):
        return str(self.call(item, PROPERTIES, 'Get', 'ss', ACCESSIBLE, 'Name'))

    def shows(self, item):
        return bool(int(self.call(item, ACCESSIBLE, 'GetState')[0]) & SHOWING)

    def call(self, item, interface, method, signature='', *arguments):
        service, path = item
        return self.bus.call_blocking(service, path, interface, method, signature, arguments)


def main():
    desktop = Desktop()
    commands = {
        'read': desktop.read, 'press': desktop.press, 'write': desktop.write, 'point': desktop.point,
        'type': desktop.type, 'call': desktop.call_service,
    }
    for line in sys.stdin:
        command = json.loads(line)
        do = commands[command.pop('do')]
        try:
            answer = {'answer': do(**command)}
        except GONE as error:
            answer = {'gone': str(error)}
        print(json.dumps(answer), flush=True)


main()
