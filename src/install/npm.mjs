import { run } from './command.mjs'

/** What npm tells its scripts about the package they belong to; a second npm would take it for its own settings. */
const OUTER = /^npm_(package|lifecycle)_|^npm_(command|config_local_prefix|config_prefix|config_global_prefix)$|^INIT_CWD$/

/** Runs npm in `cwd`: the one that started us, else the one in PATH. It asks nothing and reports nothing home. */
export function npm(args, cwd, { env = {}, ...options } = {}) {
  const cli = process.env.npm_execpath
  const [program, first] = cli !== undefined && /npm-cli\.[cm]?js$/.test(cli) ? [process.execPath, [cli]] : ['npm', []]
  const cleared = Object.fromEntries(Object.keys(process.env).filter((name) => OUTER.test(name)).map((name) => [name, undefined]))
  return run(program, [...first, ...args, '--no-audit', '--no-fund', '--no-update-notifier'], {
    cwd, env: { ...cleared, GRANAX_USE_SYSTEM_TOR: '1', ...env }, ...options,
  })
}
