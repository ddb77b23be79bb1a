-- Mails that are sent are counted by their address, whatever else was asked for with it: how often somebody asked before must
-- not show in the time of an answer.
CREATE INDEX mails_sent ON mails (email_key, requested_at) WHERE kind <> 'UNSENT';
DROP INDEX mails_by_address;
