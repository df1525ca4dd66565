-- A/B tests and interleaving: experiments and what was shown.

CREATE TABLE experiment (
    name text PRIMARY KEY,
    kind text NOT NULL DEFAULT 'ab',
    arms jsonb NOT NULL,
    former_arms jsonb NOT NULL DEFAULT '[]',
    salt text NOT NULL DEFAULT gen_random_uuid()::text,
    metric text NOT NULL DEFAULT 'buyers',
    starts_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz,
    stopped_at timestamptz,
    note text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT experiment_kind_known CHECK (kind IN ('ab', 'interleaving')),
    CONSTRAINT experiment_metric_known CHECK (metric IN ('buyers', 'clickers', 'purchases', 'revenue', 'carts', 'clicks'))
);
COMMENT ON TABLE experiment IS 'A/B tests and interleavings: arms are options of search with their shares of the shoppers.';
COMMENT ON COLUMN experiment.former_arms IS 'What arms held before each change of shares: who changed arms is left out of the report.';
COMMENT ON COLUMN experiment.salt IS 'Decides together with a shopper''s id who sees what; never changes.';
COMMENT ON COLUMN experiment.metric IS 'What the experiment is decided by; all others are looked at beside it.';
COMMENT ON COLUMN experiment.ends_at IS 'The end that was planned; an earlier stop (stopped_at) is a peek.';

ALTER TABLE rerank_weights ADD COLUMN activated_at timestamptz;
COMMENT ON COLUMN rerank_weights.activated_at IS 'When it was last put in force by name; taking back goes to the latest one before.';
