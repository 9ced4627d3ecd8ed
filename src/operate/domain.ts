import { z } from 'zod'
import { CommandError } from '../routing/command-error.ts'
import type { Extension } from '../routing/extension.ts'
import { ALL_DOMAINS, type DomainList, type DomainRuling } from '../s2s/domain-list.ts'
import { domainpart } from '../xmpp/domainpart.ts'

export interface DomainOutput {
  /** As they were understood. */
  readonly domains: readonly string[]
}
export interface DomainListOutput {
  readonly rulings: readonly { readonly domain: string; readonly ruling: DomainRuling }[]
}

/** Domains in one command: they are written in one transaction, and nothing else happens meanwhile. */
const MOST_DOMAINS = 500

const named = z.strictObject({ domains: z.array(z.string().min(1).max(1023)).min(1).max(MOST_DOMAINS) })

/** The commands by which the operator says with which remote domains this server has to do. */
export function domainCommands(list: DomainList): Extension {
  const rule = (ruling: DomainRuling | undefined) => async (input: unknown): Promise<DomainOutput> => {
    const domains = read(input)
    await list.rule(domains, ruling)
    return { domains }
  }
  return {
    name: 'domain-commands',
    implements: [],
    install: () => ({
      commands: [
        { name: 'domain block', run: rule('block') },
        { name: 'domain allow', run: rule('allow') },
        { name: 'domain forget', run: rule(undefined) },
        { name: 'domain list', run: (): DomainListOutput => ({ rulings: list.all().map(([domain, ruling]) => ({ domain, ruling })) }) },
      ],
    }),
  }
}

/** All of them, or none is ruled on. @throws CommandError */
function read(input: unknown): readonly string[] {
  const judged = named.safeParse(input)
  if (!judged.success) throw new CommandError('bad-input', `name 1 to ${MOST_DOMAINS} domains`)
  return judged.data.domains.map((text) => {
    const domain = text === ALL_DOMAINS ? text : domainpart(text)
    if (domain === undefined) throw new CommandError('bad-input', `"${text}" is no domain (and ${ALL_DOMAINS} alone is all of them)`)
    return domain
  })
}
