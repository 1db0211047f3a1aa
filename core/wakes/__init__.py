"""Wake-ups: an agent that sleeps is called over its webhook for what arrives in its inbox.

The inbox rows are the truth. Workers hear of new ones over Redis (`signal`), and look each second for what they did not
hear of; for whom nobody listens a call is planned (`planner`). Then a worker takes it, makes it and records what became
of it (`caller`): what is sent (`bodies`, `signing`), to where (`sender`), and when again (`schedule`).
"""
