import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { BackupError } from './backup-error.ts'

/**
 * Makes a key pair of age, as age-keygen does: the secret key goes into a new file, and the public one is given back.
 * @throws BackupError where the file is there already, or cannot be written
 */
export async function makeIdentity(file: string): Promise<string> {
  const identity = await generateX25519Identity()
  const recipient = await identityToRecipient(identity)
  let descriptor: number
  try {
    descriptor = openSync(file, 'wx', 0o600)
  } catch (cause) {
    throw new BackupError(file, 'is there already, or cannot be written here; nothing was made', { cause })
  }
  try {
    writeSync(descriptor, `# public key: ${recipient}\n${identity}\n`)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  return recipient
}

/** The secret keys of a file that age-keygen or `makeIdentity` wrote. @throws BackupError */
export function identitiesIn(file: string): readonly string[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new BackupError(file, 'cannot be read', { cause })
  }
  const identities = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => /^AGE-SECRET-KEY-1[A-Z0-9]{58}$/.test(line))
  if (identities.length === 0) throw new BackupError(file, 'holds no secret key of age (AGE-SECRET-KEY-1...)')
  return identities
}
