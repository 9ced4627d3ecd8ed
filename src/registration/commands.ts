import type { CommandRoute, Host } from '../routing/extension.ts'
import type { Registration } from './registration.ts'

export function registrationCommands(_registration: Registration, _host: Host): CommandRoute[] {
  return []
}
