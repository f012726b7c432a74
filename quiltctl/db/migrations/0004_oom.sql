-- How many processes of a run the kernel's OOM killer has ended, and changes to what a container may. Each rise and
-- each change is an event, whoever writes it.

ALTER TABLE containers ADD COLUMN oom_kills INTEGER NOT NULL DEFAULT 0 CHECK (oom_kills >= 0);

CREATE TRIGGER container_out_of_memory AFTER UPDATE OF oom_kills ON containers
WHEN NEW.oom_kills > OLD.oom_kills
BEGIN
    INSERT INTO events (at, kind, action, object_id, name, attributes)
    VALUES (NEW.changed_at, 'container', 'oom', NEW.id, NEW.name,
            json_object('image', NEW.image_name, 'generation', NEW.generation,
                        'kills', NEW.oom_kills - OLD.oom_kills, 'total', NEW.oom_kills));
END;

CREATE TRIGGER container_updated AFTER UPDATE OF config ON containers
WHEN (OLD.config -> '$.limits') IS NOT (NEW.config -> '$.limits')
  OR (OLD.config -> '$.egress') IS NOT (NEW.config -> '$.egress')
BEGIN
    INSERT INTO events (at, kind, action, object_id, name, attributes)
    VALUES (NEW.changed_at, 'container', 'update', NEW.id, NEW.name, json_object('image', NEW.image_name));
END;
