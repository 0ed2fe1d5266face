"""How long a decision takes in process, stage by stage, beside a text model that does not parse."""
