import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { freePorts, Listening } from './listening.ts'

/** It wants to be called by all of its path. */
const PROGRAM = '/usr/sbin/sshd'

/** Debian's OpenSSH with nothing but SFTP, for whoever has the key `key`. */
export class SftpServer {
  readonly daemon: Listening
  /** Of the private key that may log in, and of one that may not. */
  readonly key: string
  readonly otherKey: string
  /** What ssh-keygen shows of its host key, and of another. */
  readonly hostKey: string
  readonly otherHostKey: string
  /** Where the copies are to be. */
  readonly files: string

  private constructor(daemon: Listening, folder: string) {
    this.daemon = daemon
    this.key = join(folder, 'key')
    this.otherKey = join(folder, 'other')
    this.hostKey = fingerprint(join(folder, 'host'))
    this.otherHostKey = fingerprint(this.otherKey)
    this.files = join(folder, 'files')
  }

  static async start(folder: string): Promise<SftpServer> {
    for (const name of ['host', 'key', 'other']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])
    copyFileSync(join(folder, 'key.pub'), join(folder, 'authorized'))
    chmodSync(join(folder, 'authorized'), 0o600)
    mkdirSync(join(folder, 'files'))
    const [port = 0] = await freePorts(1)
    writeFileSync(join(folder, 'sshd_config'), `
Port ${port}
ListenAddress 127.0.0.1
HostKey ${join(folder, 'host')}
AuthorizedKeysFile ${join(folder, 'authorized')}
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
ForceCommand internal-sftp
`)
    if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true }) // where it locks itself in; Debian's service makes it
    const server = new SftpServer(new Listening(port, [PROGRAM, '-D', '-e', '-f', join(folder, 'sshd_config')]), folder)
    await server.daemon.start()
    return server
  }

  /** A table of backup.copies. */
  get copy(): Readonly<Record<string, unknown>> {
    return { kind: 'sftp', host: '127.0.0.1', port: this.daemon.port, user: userInfo().username, key_file: this.key, host_key: this.hostKey, path: this.files }
  }
}

/** "256 SHA256:... comment (ED25519)" */
function fingerprint(file: string): string {
  return execFileSync('ssh-keygen', ['-lf', `${file}.pub`], { encoding: 'utf8' }).split(' ')[1] ?? ''
}
