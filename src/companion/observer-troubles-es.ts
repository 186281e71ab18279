/** What goes wrong with health, mind and home, short of an emergency. Spanish. */
import { phrases, type Rule } from './observer-rules.ts';

const PASTILLAS =
  '(?:pastillas?|medicinas?|medicacion|medicamentos?|insulina|gotas|inhalador|dosis)';
const FAMILIAR =
  '(?:marido|esposo|esposa|mujer|hij[oa]s?|niet[oa]s?|herman[oa]s?|padres?|madre|sobrin[oa]s?|prim[oa]s?|ti[oa]s?|cunad[oa])';
const QUERIDO = `(?:mi (?:querid[oa] |mejor |pobre )?(?:${FAMILIAR}|amig[oa]|perr[oa]|gat[oa]|vecin[oa])|ell|ella)`;
const NO_PUEDO =
  '(?:no (?:puedo|podia|consigo|soy capaz de|logro)|me cuesta(?: mucho)?|apenas puedo|necesito ayuda para|ya no puedo)';

export const TROUBLES_ES: readonly Rule[] = [
  {
    category: 'unsteady',
    severity: 'medium',
    denial: 'fact',
    pattern: phrases(
      'casi me (?:caigo|cai|he caido)',
      'por poco me caigo',
      'me (?:tropece|resbale|he tropezado|he resbalado)',
      '(?:perdi|pierdo|he perdido) el equilibrio',
    ),
  },
  {
    category: 'dizziness',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      '(?:maread[oa]|mareos?|me mareo|vertigos?|me maree)',
      'me da vueltas (?:todo|la cabeza|la habitacion)',
      'todo me da vueltas',
    ),
  },
  {
    category: 'medication-trouble',
    severity: 'medium',
    denial: 'asserted',
    pattern: phrases(
      `se me (?:olvido|olvidaron|ha olvidado|han olvidado|olvidan?)(?: tomar)?~ ${PASTILLAS}`,
      `(?:olvide|he olvidado)(?: tomar(?:me)?)?~ ${PASTILLAS}`,
      `(?:se me (?:acabo|acabaron|han acabado|ha acabado|terminaron)|me (?:he )?quede? sin)~ ${PASTILLAS}`,
      `no (?:recuerdo|me acuerdo|se) si (?:me )?(?:he )?(?:tome|tomado)`,
      `(?:deje|he dejado) de tomar~ ${PASTILLAS}`,
      `${PASTILLAS}~ me (?:sientan? mal|dan? sueno|marean?|dan? nauseas)`,
    ),
  },
  {
    category: 'pain',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      'me duelen?(?: mucho| bastante| un poco| tanto)? (?!el pecho|el alma)(?:el|la|los|las|todo)',
      'tengo (?:mucho |un )?dolor(?:es)?(?! en el pecho)',
      'me (?:he )?(?:golpee|golpeado|di un golpe) (?:en )?la (?:cabeza|cadera)',
    ),
  },
  {
    category: 'illness',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      '(?:vomitando|vomite|he vomitado|fiebre|neumonia|diarrea)',
      '(?:me (?:encuentro|siento)|estoy) (?:muy |bastante |algo )?(?:mal(?! de la| con)|enferm[oa]|malit[oa]|fatal)',
      '(?:el corazon|el pulso)~ (?:acelerado|va muy rapido|a mil)',
      'no (?:puedo|podia|pude|consigo) dormir',
    ),
  },
  {
    category: 'someone-elses-health',
    severity: 'medium',
    denial: 'clause',
    reported: true,
    pattern: phrases(
      `${QUERIDO}(?: se| tuvo| ha tenido| tiene| esta)* (?:cayo|ha caido|un infarto|un ictus|una caida|en el hospital|ingresad[oa]|muy enferm[oa]|cancer|demencia|rompio la cadera)`,
      `a ${QUERIDO} le (?:dio|ha dado) un (?:infarto|ictus|derrame)`,
    ),
    unless: /\b(?:trabaja|enfermer[oa])\b/,
  },
  {
    category: 'cognition',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      '(?:mando|llaves|gafas|cartera|telefono|movil|zapatos?|zapatillas|dentadura|audifonos?|libro|bolso|reloj)(?: estaban?| aparecio| aparecieron| estaba)*~ en (?:la nevera|el frigorifico|el congelador|el horno|el microondas|la lavadora|la basura)',
      '(?:puse|encontre|meti|he encontrado|deje)~ (?:mando|llaves|gafas|cartera|telefono|movil|zapatos|dentadura|audifonos|bolso)~ en (?:la nevera|el frigorifico|el congelador|el horno|el microondas|la lavadora|la basura)',
      'me (?:he )?(?:perdi|perdido)(?! (?:el|la|un|una|en (?:el libro|mis pensamientos|la lectura))\\b)',
      'no (?:se|recuerdo|me acuerdo de|tengo idea de) (?:en )?que (?:dia|ano|mes) (?:es|estamos|vivimos)',
      '(?:creia|pensaba) que (?:hoy )?era (?:lunes|martes|miercoles|jueves|viernes|sabado|domingo)',
      '(?:no (?:encuentro|me sale)|se me olvidan?) (?:la palabra|las palabras|el nombre de las cosas)',
      '(?:pierdo|perdiendo|me falla|me esta fallando) (?:la|mucho la) (?:memoria|cabeza)',
      'se me olvida(?:n)? (?:todo|las cosas|mucho)',
      '(?:estoy|me siento|ando) (?:muy |un poco |algo )?confundid[oa]',
      'no (?:reconozco|reconoci|reconocia) (?:a |mi |la |al )',
      'no (?:me acuerdo|recuerdo) (?:de )?(?:como se llama mi|donde vivo|mi nombre|nada|si he comido)',
      '(?:deje|he dejado|me deje)(?: encendid[oa])? (?:el fuego|la plancha|el horno|la cocina|el grifo)(?: encendid[oa]| abiert[oa])?',
    ),
  },
  {
    category: 'cognition',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      'que dia es(?: hoy)?',
      'en que (?:ano|mes) estamos',
      'en la punta de la lengua',
    ),
  },
  {
    category: 'daily-living',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      `${NO_PUEDO}~ (?:levantarme(?! (?:temprano|pronto|tarde|tan))|salir de (?:la cama|la banera|la ducha|casa)|vestirme|ducharme|banarme|lavarme|asearme|peinarme|afeitarme|abrocharme|subir (?:las|la) escaleras?|ponerme (?:de pie|los zapatos|los calcetines)|andar(?=[.,!]|$| sol[oa]| mas)|caminar(?=[.,!]|$| sol[oa]| mas)|cocinar|limpiar la casa|valerme|ir al bano|comer sol[oa])`,
      'no me puedo (?:levantar(?! (?:temprano|pronto|tan))|vestir|duchar|banar|lavar|asear|poner de pie|valer)',
      'me (?:he )?(?:orine|orinado|mojado) (?:en )?(?:la cama|encima)',
      'no me (?:ducho|bano|lavo) desde',
    ),
  },
  {
    category: 'home-trouble',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      '(?:calefaccion|caldera|calentador|luz|agua|nevera|estufa|ascensor)(?: se ha| esta| no| se)* (?:roto|rota|estropead[oa]|estropeo|funciona|rompio|averiad[oa])',
      '(?:sin|no (?:hay|tengo)) (?:luz|agua caliente|agua|calefaccion)(?=[.,!]|$| desde| en)',
      '(?:me muero de|hace mucho|paso|tengo mucho) frio en (?:casa|el piso|la habitacion)',
    ),
  },
  {
    category: 'nutrition',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      'no (?:he )?(?:comido|como|comi|cene|cenado|desayune|desayunado)(?: casi| hoy| apenas)*(?: nada| hoy| mucho| bien| desde| en todo| ayer|(?=[.,!]|$))',
      'apenas (?:como|he comido)',
      '(?:no tengo|sin|he perdido el|perdi el|poco) (?:hambre|apetito)',
      'no (?:me )?apetece (?:comer|nada|cocinar)',
      '(?:no (?:hay|tengo|queda) (?:nada (?:de|para) com(?:er|ida)|comida|nada)(?: que comer)?(?: en (?:la nevera|casa|el frigorifico))?)(?=[.,!]|$)',
      '(?:nevera|despensa) (?:esta )?vacia',
      '(?:he )?(?:perdido|perdiendo|pierdo) (?:mucho )?peso',
      'me salt(?:e|o) (?:la comida|la cena|el desayuno)',
    ),
  },
];
