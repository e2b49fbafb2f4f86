/** LeaderElection over ZooKeeper: keeps the campaigns of this process, so that all can be resigned when it stops. */
import { LeaderElection, type Campaign, type Term } from './leader-election.js';
import { ZookeeperCampaign, type CampaignContext } from './zookeeper-campaign.js';

/** A path below the root. `.` and `..` alone would be refused by ZooKeeper. */
const ELECTION_NAME = /^(?!\.)[\w.:-]+(\/(?!\.)[\w.:-]+)*$/;

export class ZookeeperElection extends LeaderElection {
  readonly #campaigns = new Set<Campaign>();

  constructor(private readonly context: CampaignContext) {
    super();
  }

  campaign(election: string, lead: (term: Term) => Promise<void>): Campaign {
    if (!ELECTION_NAME.test(election)) throw new RangeError(`not a valid name of an election: ${election}`);
    const campaign = new ZookeeperCampaign(this.context, election, lead);
    for (const old of this.#campaigns) if (old.state === 'resigned') this.#campaigns.delete(old);
    this.#campaigns.add(campaign);
    return campaign;
  }

  /** Hands every leadership over; resolves when the others have been told, or cannot be. */
  async resignAll(): Promise<void> {
    await Promise.all([...this.#campaigns].map((campaign) => campaign.resign()));
  }
}
